document.documentElement.classList.add('scripted');
try {
  const theme = localStorage.getItem('aftercancel-theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* A file from disk may have no storage. */ }
