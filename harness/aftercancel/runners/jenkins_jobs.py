"""What the lab writes for Jenkins and Hudson: jobs as config.xml, and the configuration of a server
of its own.

A freestyle job's "Execute shell" is a file that is interpreted by the words of its first line, and
without a ``#!`` by ``/bin/sh -xe`` (hudson/tasks/Shell.java buildCommandLine). A Pipeline's ``sh``
starts a file with a ``#!`` as the kernel would, and others by ``sh -xe`` (durable-task's
BourneShellScript).

Variables: a freestyle job's author declares them as string parameters, which are in the
environment of its steps; a Pipeline's writes ``withEnv``.
"""

from __future__ import annotations

import html
import os
import re
import shlex
from pathlib import PurePosixPath

from aftercancel.runners.protocol import Work

DEFAULT_SHELL = "/bin/sh"
_DEFAULT_FLAGS = ("-xe",)
_SHELLS = {"sh", "ash", "bash", "busybox", "dash", "ksh", "ksh93", "lksh", "mksh", "yash", "zsh"}
"""What understands ``cd``."""
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # XML 1.0, production 2
_STARTED = "aftercancel-started"

HUDSON_CONFIG = """<?xml version='1.0' encoding='UTF-8'?>
<hudson>
  <version>3.3.2</version>
  <numExecutors>1</numExecutors>
  <mode>NORMAL</mode>
  <scmCheckoutRetryCount>0</scmCheckoutRetryCount>
  <quietPeriod>0</quietPeriod>
</hudson>
"""
"""One build at a time, at once."""

HUDSON_SECURITY = """<?xml version="1.0" encoding="UTF-8"?>
<hudsonSecurityManager>
  <useSecurity>false</useSecurity>
  <slaveAgentPort>-1</slaveAgentPort>
</hudsonSecurityManager>
"""
"""-1: no listener for agents (the constructor of hudson.model.Hudson)."""

JENKINS_INIT = """// A server for measurements on 127.0.0.1: one executor, no login, no agents.
import hudson.security.AuthorizationStrategy
import hudson.security.SecurityRealm
import jenkins.model.Jenkins

def jenkins = Jenkins.instance
jenkins.numExecutors = 1
jenkins.quietPeriod = 0
jenkins.slaveAgentPort = -1
jenkins.securityRealm = SecurityRealm.NO_AUTHENTICATION
jenkins.authorizationStrategy = AuthorizationStrategy.UNSECURED
jenkins.save()
"""
"""JENKINS_HOME/init.groovy.d/*.groovy (jenkins.util.groovy.GroovyHookScript)."""

PIPELINE_PLUGINS = (
    "workflow-job",
    "workflow-cps",
    "workflow-durable-task-step",
    "workflow-basic-steps",
)
"""Which bring the job type, its language, ``sh`` with ``node``, and ``withEnv``."""


def freestyle(work: Work) -> str:
    """A freestyle job with one "Execute shell", in a workspace of its author's choice."""
    parameters = "".join(
        f"""
        <hudson.model.StringParameterDefinition>
          <name>{_xml(name)}</name>
          <defaultValue>{_xml(value)}</defaultValue>
        </hudson.model.StringParameterDefinition>"""
        for name, value in work.env
    )
    properties = f"""
    <hudson.model.ParametersDefinitionProperty>
      <parameterDefinitions>{parameters}
      </parameterDefinitions>
    </hudson.model.ParametersDefinitionProperty>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<project>
  <keepDependencies>false</keepDependencies>
  <properties>{properties if work.env else ""}
  </properties>
  <scm class="hudson.scm.NullSCM"/>
  <canRoam>true</canRoam>
  <disabled>false</disabled>
  <concurrentBuild>false</concurrentBuild>
  <customWorkspace>{_xml(work.folder)}</customWorkspace>
  <builders>
    <hudson.tasks.Shell>
      <command>{_xml(execute_shell(work))}</command>
    </hudson.tasks.Shell>
  </builders>
  <publishers/>
  <buildWrappers/>
</project>
"""


def execute_shell(work: Work) -> str:
    """The text of a freestyle job's "Execute shell"."""
    if not _written_out(work) or any(re.search(r"\s", word) for word in work.shell):
        return shlex.join(work.command)
    if is_default(work.shell):
        return _body(work.script)
    return f"#!{' '.join(work.shell)}\n{_body(work.script)}"


def pipeline(work: Work) -> str:
    """A Pipeline job with one ``sh``, and another one in ``finally`` for what comes after."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<flow-definition plugin="workflow-job">
  <keepDependencies>false</keepDependencies>
  <properties/>
  <definition class="org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition" plugin="workflow-cps">
    <script>{_xml(jenkinsfile(work))}</script>
    <sandbox>true</sandbox>
  </definition>
  <triggers/>
  <disabled>false</disabled>
</flow-definition>
"""


def jenkinsfile(work: Work) -> str:
    """The Pipeline's script."""
    step = f"sh {_groovy(sh_step(work))}"
    if work.after:
        after = f"cd {shlex.quote(work.folder)}\n{work.after}"
        step = f"try {{ {step} }} finally {{ sh {_groovy(after)} }}"
    variables = ", ".join(_groovy(f"{name}={value}") for name, value in work.env)
    if variables:
        step = f"withEnv([{variables}]) {{ {step} }}"
    return f"node {{ {step} }}\n"


def sh_step(work: Work) -> str:
    """The text of a Pipeline's ``sh``. Its control files lie beside the workspace, so that this is
    Jenkins' own, and the job goes to its folder by ``cd``.
    """
    go = f"cd {shlex.quote(work.folder)}\n"
    if not _written_out(work) or PurePosixPath(work.shell[0]).name not in _SHELLS:
        return go + shlex.join(work.command)
    if is_default(work.shell):
        return go + _body(work.script)
    # The kernel gives an interpreter one argument at most (execve(2)); env -S divides it.
    split = "/usr/bin/env -S " if len(work.shell) > 2 else ""
    return f"#!{split}{' '.join(work.shell)}\n{go}{_body(work.script)}"


def short(folder: str) -> Work:
    """A job that says when it started, and ends."""
    text = f"echo {_STARTED} $(date +%s%N)\n"
    return Work(  # noqa: S604  # a word of the job, not subprocess's shell=True
        name="further",
        script=text,
        path="",
        shell=(DEFAULT_SHELL, *_DEFAULT_FLAGS),
        command=(),
        whole=True,
        env=(),
        folder=folder,
    )


def started(console: bytes) -> int | None:
    """When that job says that it started: CLOCK_REALTIME, nanoseconds."""
    found = re.search(rf"^{_STARTED} (\d+)$".encode(), console, re.MULTILINE)
    return int(found[1]) if found else None


def is_default(shell: tuple[str, ...]) -> bool:
    """Whether a text without a ``#!`` line is interpreted by this."""
    program, *flags = shell
    same = os.path.realpath(program) == os.path.realpath(DEFAULT_SHELL)
    return same and tuple(flags) == _DEFAULT_FLAGS


def _written_out(work: Work) -> bool:
    """Whether the job's text can stand in the job's definition."""
    return work.whole and not _NOT_IN_XML.search(work.script)


def _body(script: str) -> str:
    """A script without its ``#!`` line."""
    return script.partition("\n")[2] if script.startswith("#!") else script


def _xml(text: str) -> str:
    return html.escape(text, quote=False).replace("\r", "&#13;")


def _groovy(text: str) -> str:
    """A string of Groovy's in which nothing is interpolated."""
    return "'''" + text.replace("\\", "\\\\").replace("'", "\\'") + "'''"
