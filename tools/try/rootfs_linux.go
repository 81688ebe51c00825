package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideName is how this program is called in the namespaces.
const insideName = "try-inside"

func init() {
	if os.Args[0] == insideName {
		os.Exit(runInside())
	}
}

func (r rootfs) run(ctx context.Context, w *world, out io.Writer) (int, error) {
	in := inside{Dir: w.dir, App: w.app, UID: os.Getuid(), GID: os.Getgid(), Privileged: os.Geteuid() == 0}
	in.Env = append(append(ours(), w.variables()...), "TMPDIR="+w.root("tmp"))
	in.Command = append([]string{w.root(w.program)}, w.arguments(w.root())...)
	if r.image != nil {
		var err error
		if in.Tree, err = r.tree(); err != nil {
			return 0, err
		}
		in.UID, in.GID = r.image.user()
		in.Env = append(append([]string{"HOSTNAME=try"}, r.image.config.Config.Env...), w.variables()...)
		in.Command = append([]string{w.program}, w.arguments("/")...)
		in.Mounts = append(w.placed(), "layers")
	} else if in.Privileged {
		in.UID, in.GID = somebody, somebody
	}
	if err := in.prepare(w); err != nil {
		return 0, err
	}
	return in.start(ctx, out)
}

// prepare makes what the process in the namespaces needs, and finds what to remove of the app.
func (in *inside) prepare(w *world) error {
	err := os.Mkdir(filepath.Join(in.Dir, "mnt"), 0o755)
	if mkdirErr := os.Mkdir(w.root("workspace"), 0o755); !errors.Is(mkdirErr, fs.ErrExist) {
		err = errors.Join(err, mkdirErr)
	}
	if in.Privileged {
		err = errors.Join(err, chown(w.root("layers"), in.UID), chown(w.root("workspace"), in.UID), chown(w.root("tmp"), in.UID))
	}
	if w.app == "" || w.leaveOut == nil || err != nil {
		return err
	}
	return filepath.WalkDir(w.app, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.app, path)
		if err != nil || name == "." || !w.leaveOut(filepath.ToSlash(name)) {
			return err
		}
		in.Removed = append(in.Removed, name)
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// start runs this program in new namespaces, in which it may mount. What goes wrong there comes through a pipe.
func (in *inside) start(ctx context.Context, out io.Writer) (int, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	complaints, complain, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer complaints.Close()
	defer complain.Close()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args, cmd.Stdin, cmd.ExtraFiles, cmd.Env = []string{insideName}, bytes.NewReader(text), []*os.File{complain}, os.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if in.Tree != "" {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	}
	if !in.Privileged {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	runtime.LockOSThread() // the child is killed when the thread ends that has started it
	defer runtime.UnlockOSThread()
	code, err := finish(cmd, out)
	complain.Close()
	complaint, readErr := io.ReadAll(complaints)
	if err != nil {
		return 0, noNamespaces(err)
	}
	if len(complaint) > 0 {
		return 0, errors.New(string(complaint))
	}
	return code, readErr
}

// noNamespaces says why there can be no namespaces here.
func noNamespaces(err error) error {
	return fmt.Errorf("this system does not let try mount in a namespace of its own: %w. "+advice, err)
}

const advice = "On Ubuntu, AppArmor forbids it: sysctl kernel.apparmor_restrict_unprivileged_userns=0 as root allows it; in containers, the container's own profile does. Or take -engine docker"

// tryNamespaces returns why there can be no namespaces here.
func tryNamespaces() error {
	dir, err := os.MkdirTemp("", "try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := &world{dir: dir}
	in := inside{Dir: dir, App: dir, Privileged: os.Geteuid() == 0, UID: somebody, GID: somebody}
	if err := errors.Join(os.MkdirAll(w.root("layers"), 0o755), os.MkdirAll(w.root("tmp"), 0o755), in.prepare(w)); err != nil {
		return err
	}
	_, err = in.start(context.Background(), io.Discard)
	return err
}

// runInside is the program in the namespaces: it mounts, and runs the detector.
func runInside() int {
	complaints := os.NewFile(3, "complaints")
	unix.CloseOnExec(3)
	runtime.LockOSThread()
	var in inside
	err := json.NewDecoder(os.Stdin).Decode(&in)
	if err == nil {
		if err = in.mountAll(); err != nil {
			err = noNamespaces(err)
		}
	}
	var code int
	if err == nil {
		code, err = in.execute()
	}
	if err != nil {
		fmt.Fprint(complaints, err)
	}
	return code
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", cmp.Or(kind, source), target, err)
	}
	return nil
}

// mountAll lays the world over the image, and the app into it, and makes that the root. What is written goes into memory. All paths are
// relative to a directory of memory, so that no path has to be put into the options of a mount.
func (in *inside) mountAll() error {
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := os.Chdir(filepath.Join(in.Dir, "mnt")); err != nil {
		return err
	}
	if err := mount("tmpfs", ".", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	if err := os.Chdir(filepath.Join(in.Dir, "mnt")); err != nil { // into what was mounted there
		return err
	}
	root := filepath.Join(in.Dir, "root")
	if in.Tree == "" {
		return in.mountApp(filepath.Join(root, "workspace"))
	}
	err := errors.Join(bind(in.Tree, "tree"), bind(root, "world"), overlay("root", "world:tree"), os.MkdirAll("root/workspace", 0o755))
	if err == nil {
		err = in.mountApp("root/workspace")
	}
	for _, place := range in.Mounts {
		err = errors.Join(err, bind(filepath.Join(root, place), filepath.Join("root", place)))
	}
	if err := errors.Join(err, mountSystem("root")); err != nil {
		return err
	}
	return errors.Join(os.Chdir("root"), unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), os.Chdir("/"))
}

// mountApp lays the app over a directory.
func (in *inside) mountApp(at string) error {
	if in.App == "" {
		return nil
	}
	if err := bind(in.App, "app"); err != nil {
		return err
	}
	if err := overlay(at, "app"); err != nil {
		return err
	}
	for _, name := range in.Removed {
		if err := os.RemoveAll(filepath.Join(at, name)); err != nil {
			return err
		}
	}
	if in.Privileged {
		return os.Lchown(at, in.UID, in.GID)
	}
	return nil
}

func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
}

// overlay mounts directories over each other, the first one on top, below a directory of memory for what is written.
func overlay(at, lower string) error {
	upper := "written-" + filepath.Base(at)
	if err := errors.Join(os.MkdirAll(at, 0o755), os.MkdirAll(upper+"/files", 0o755), os.MkdirAll(upper+"/work", 0o755)); err != nil {
		return err
	}
	return mount("overlay", at, "overlay", unix.MS_NOSUID|unix.MS_NODEV, "lowerdir="+lower+",upperdir="+upper+"/files,workdir="+upper+"/work,userxattr")
}

// mountSystem mounts what programs take for granted.
func mountSystem(root string) error {
	err := errors.Join(os.MkdirAll(root+"/proc", 0o755), os.MkdirAll(root+"/dev", 0o755), os.MkdirAll(root+"/tmp", 0o755))
	if err != nil {
		return err
	}
	err = errors.Join(
		mount("proc", root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""),
		mount("tmpfs", root+"/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"),
		mount("tmpfs", root+"/dev", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755"))
	for _, device := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		file := root + "/dev/" + device
		err = errors.Join(err, os.WriteFile(file, nil, 0o666), mount("/dev/"+device, file, "", unix.MS_BIND, ""))
	}
	return errors.Join(err, os.Symlink("/proc/self/fd", root+"/dev/fd"), os.Symlink("/proc/self/fd/1", root+"/dev/stdout"), os.Symlink("/proc/self/fd/2", root+"/dev/stderr"))
}

// execute runs the detector as the user: of an inner namespace, for in the outer one there is only root, which may mount.
func (in *inside) execute() (int, error) {
	if len(in.Command) == 0 {
		return 0, nil // it was only to be seen whether one may mount
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	cmd := exec.Command(in.Command[0], in.Command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = in.Env, os.Stdout, os.Stderr
	if in.Privileged {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(in.UID), Gid: uint32(in.GID)}}
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: in.UID, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: in.GID, HostID: 0, Size: 1}}}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
