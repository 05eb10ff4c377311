#!/bin/sh
# relocate.sh VERSION FOLDER: copies the system's CPython to FOLDER so that it starts from there in
# any image of the same architecture: its ELF interpreter (ld.so) and every library are copied too.
#
# Only the program says where its libraries are, in DT_RPATH and not DT_RUNPATH: ld.so(8) looks there
# for the libraries of libraries as well, and before LD_LIBRARY_PATH, which an image may have set.
set -eu
version=$1
folder=$2
python=/usr/bin/python$version
to=$folder/lib/python$version
modules=$(mktemp -d)

cp -a "/usr/lib/python$version/." "$modules/"
mkdir -p "$folder/bin" "$to"
mv "$modules/lib-dynload" "$to/"
# What no executor has a use for, and what would bring further libraries.
(
  cd "$modules"
  rm -rf sitecustomize.py test idlelib tkinter turtle.py turtledemo ensurepip lib2to3 pydoc_data \
    config-* EXTERNALLY-MANAGED _pyrepl curses dbm sqlite3 venv wsgiref xmlrpc
  cd "$to/lib-dynload"
  rm -f _codecs_* _curses* _dbm.* _gdbm.* _sqlite3.* _test* _tkinter.* readline.* xx*
)
# Where its folder of modules is, a Python finds by os.py (Modules/getpath.py), which stays a file.
"$python" -I /build/pack.py "$modules" "$folder/lib/python$(echo "$version" | tr -d .).zip"
mv "$modules/os.py" "$to/"
rm -r "$modules"

# What the program and all modules are linked with, those that were in the folder before too;
# libgcc_s is opened by pthread_exit(3).
{
  find "$folder" -name '*.so' -exec ldd {} +
  ldd "$python"
  ldconfig -p | grep libgcc_s
} | sed -nE 's|.* => (/[^ ]+).*|\1|p' | sort -u | while read -r library; do
  cp -L "$library" "$folder/lib/"
done

program=$folder/bin/python$version
cp -L "$python" "$program"
cp -L "$(patchelf --print-interpreter "$python")" "$folder/lib/ld.so"
patchelf --set-interpreter "$folder/lib/ld.so" "$program"
patchelf --force-rpath --set-rpath "$folder/lib" "$program"
ln -s "python$version" "$folder/bin/python3"
