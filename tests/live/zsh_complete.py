# SPDX-License-Identifier: Apache-2.0
#
# What an interactive zsh shows when Tab is pressed behind each of some lines: zsh_complete.py FUNCTIONS PATH LINE...
# Outside of a terminal zsh completes nothing.
import fcntl, os, pty, select, signal, struct, sys, termios, time

functions, path, *lines = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PATH=path + ":" + os.environ["PATH"], LC_ALL="C")
    os.execvp("zsh", ["zsh", "-f", "-i"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 500, 300, 0, 0))


def until(mark):
    """What is written up to a mark, or in half a minute."""
    seen, end = b"", time.monotonic() + 30
    while mark not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # it has ended
                break
    return seen.decode(errors="replace")


# Marks are written in two pieces here, so that their echo is not taken for them. What is typed before zsh has set the
# terminal up for its editor would be lost: hence the wait for the prompt.
setup = f"""fpath=('{functions}' $fpath); autoload -U compinit; compinit -D -u; LISTMAX=0
press() {{ zle complete-word; zle -R; print -r '[do''ne]' > $TTY }}; zle -N press; bindkey '^I' press; PS1='pro''mpt>'
"""
os.write(terminal, setup.encode())
until(b"prompt>")
for line in lines:
    os.write(terminal, line.encode() + b"\t")
    shown = until(b"[done]").replace("[done]", "")
    # What was typed is no completion of it.
    print("== " + line, shown.replace(line + "\x07", ""), sep="\n")
    os.write(terminal, b"\x15")
os.kill(pid, signal.SIGKILL)
os.close(terminal)
os.waitpid(pid, 0)
