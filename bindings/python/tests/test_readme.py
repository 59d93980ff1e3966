"""README's install command and example, as a user follows them: a new environment, the real server, a code typed by hand."""

import os
import queue
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

from world import PATIENCE_S, ROOT, World

# What builds the package is taken from here, so that nothing is downloaded.
WHEELS = os.path.join(ROOT, "target", "tools", "wheels")


def readme(language):
    """The first block of a language in README."""
    with open(os.path.join(ROOT, "bindings", "python", "README.md"), encoding="utf-8") as page:
        return re.search(rf"^```{language}\n(.*?)^```$", page.read(), re.MULTILINE | re.DOTALL)[1]


def without_our_path():
    """A user's environment: what is not installed is not found."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


class Readme(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tandem-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.world = World()
        self.addCleanup(self.world.stop)

    def test_the_package_installs_and_the_example_registers_a_number(self):
        python = self.installed()
        example = readme("python")
        number = re.search(r'number="(\+\d+)"', example)[1]
        texts = queue.Queue()
        self.world.smsc.deliver_to(number, texts.put)
        phone = subprocess.Popen(
            [python, "-c", example, self.world.server], cwd=self.folder, env=without_our_path(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.addCleanup(phone.kill)
        code = re.search(r"\b\d{8}\b", texts.get(timeout=PATIENCE_S))[0]
        told, _ = phone.communicate(code + "\n", timeout=PATIENCE_S)
        self.assertEqual(phone.returncode, 0, told)
        self.assertRegex(told.splitlines()[-1], "(?i)registered")

    def installed(self):
        """The Python of a new environment in which README's install command was run."""
        environment = os.path.join(self.folder, "env")
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        command = shlex.split(next(line for line in readme("").splitlines() if line.startswith("pip install ")))
        offline = ["--quiet", "--disable-pip-version-check", "--no-index", "--find-links", WHEELS]
        pip = os.path.join(environment, "bin", command[0])
        subprocess.run([pip, *command[1:], *offline], cwd=ROOT, env=without_our_path(), check=True)
        python = os.path.join(environment, "bin", "python")
        where = [python, "-c", "import tandem_phone; print(tandem_phone.__file__)"]
        found = subprocess.run(where, cwd=self.folder, env=without_our_path(), text=True, stdout=subprocess.PIPE, check=True)
        self.assertTrue(found.stdout.startswith(environment), found.stdout)
        return python


if __name__ == "__main__":
    unittest.main()
