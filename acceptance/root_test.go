package acceptance

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// becomeOnRoot runs a command on a root file system of its own: "onroot <dir> <command>…". What is in <dir> – workspace,
// layers, cnb, platform, etc – stands at the root, next to this machine's programs and libraries; nothing else of the
// machine does. That takes a mount namespace and chroot, so the machine's own files stay as they are.
func becomeOnRoot(dir string, argv []string) {
	dir, err := filepath.Abs(dir)
	check(err)
	runtime.LockOSThread() // the namespace is this thread's, which becomes the command
	check(named("unshare", syscall.Unshare(syscall.CLONE_NEWNS)))
	check(named("make mounts private", syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")))
	root, err := os.MkdirTemp("", "prelude-root-")
	check(err)
	check(named("mount tmpfs", syscall.Mount("tmpfs", root, "tmpfs", 0, "mode=755")))
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "dev", "proc"} {
		bring("/"+name, filepath.Join(root, name))
	}
	check(os.Mkdir(filepath.Join(root, "tmp"), 0o777))
	check(os.Chmod(filepath.Join(root, "tmp"), 0o1777))
	bring(os.Getenv(built), filepath.Join(root, "executables"))
	entries, err := os.ReadDir(dir)
	check(err)
	for _, entry := range entries {
		bring(filepath.Join(dir, entry.Name()), filepath.Join(root, entry.Name()))
	}
	check(syscall.Chroot(root))
	check(os.Chdir("/"))
	check(os.Setenv(built, "/executables"))
	check(os.Setenv("PATH", "/executables:/usr/bin:/bin"))
	check(os.Unsetenv("TMPDIR"))
	becomeCommand(argv)
}

// bring puts a directory of this machine, or a link, into the new root; what the machine does not have is left out.
func bring(from, to string) {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	check(err)
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		check(err)
		check(os.Symlink(target, to))
		return
	}
	check(os.Mkdir(to, 0o755))
	check(named("bind "+from, syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, "")))
}

func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// canMount reports whether commands can have a root file system of their own: whether the tests run as root, with the right
// to mount.
func canMount() bool {
	return os.Geteuid() == 0 && exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", os.TempDir()).Run() == nil
}

// onTerminal runs a command with a terminal for its output, and prints what it printed there: "terminal <command>…".
// With -out or -err only stdout or stderr is the terminal.
func onTerminal(args []string) {
	streams := "both"
	if len(args) > 0 && (args[0] == "-out" || args[0] == "-err") {
		streams, args = args[0], args[1:]
	}
	ours, theirs := openTerminal()
	command := exec.Command(args[0], args[1:]...)
	command.Stdout, command.Stderr = theirs, theirs
	switch streams {
	case "-out":
		command.Stderr = os.Stderr
	case "-err":
		command.Stdout = os.Stdout
	}
	check(command.Start())
	theirs.Close()
	text, _ := io.ReadAll(ours) // ends in an error when the command has closed its side
	err := command.Wait()
	fmt.Print(strings.ReplaceAll(string(text), "\r\n", "\n"))
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	check(err)
}

// openTerminal makes a pseudo-terminal and returns both its ends.
func openTerminal() (ours, theirs *os.File) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	check(err)
	var number, unlocked uint32
	check(ioctl(ours, syscall.TIOCGPTN, &number))
	check(ioctl(ours, syscall.TIOCSPTLCK, &unlocked))
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	check(err)
	return ours, theirs
}

func ioctl(f *os.File, request uintptr, value *uint32) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
		return errno
	}
	return nil
}
