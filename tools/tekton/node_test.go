package tekton

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// node runs pods in Docker, as a kubelet runs them.
type node struct {
	daemon *docker.Daemon
	// claims are the directories of PersistentVolumeClaims, secrets the keys of Secrets, each by name.
	claims  map[string]string
	secrets map[string]map[string]string
	// options are those of docker run that an image needs, by its name.
	options map[string][]string
}

// running is a pod that a node has started.
type running struct {
	*node
	pod     *corev1.Pod
	group   int               // that volumes belong to, 0 for none
	volumes map[string]string // their directories
	dir     string            // for what else a container needs
	status  corev1.PodStatus
	done    sync.WaitGroup
	mutex   sync.Mutex
	said    map[string]string // by container
}

// patience ends a container that does not end.
const patience = 4 * time.Minute

// start makes the volumes of a pod, runs its init containers one after the other, and starts its containers at the same time.
func (n *node) start(t *testing.T, pod *corev1.Pod) *running {
	t.Helper()
	r := &running{node: n, pod: pod, dir: t.TempDir(), volumes: map[string]string{}, said: map[string]string{}}
	if pod.Spec.SecurityContext != nil && pod.Spec.SecurityContext.FSGroup != nil {
		r.group = int(*pod.Spec.SecurityContext.FSGroup)
	}
	for _, volume := range pod.Spec.Volumes {
		if err := r.makeVolume(volume); err != nil {
			t.Fatalf("volume %s: %v", volume.Name, err)
		}
	}
	for _, c := range pod.Spec.InitContainers {
		status := r.run(c)
		r.status.InitContainerStatuses = append(r.status.InitContainerStatuses, status)
		if end := status.State.Terminated; end == nil || end.ExitCode != 0 {
			r.status.Phase = corev1.PodFailed
			return r
		}
	}
	r.status.Phase = corev1.PodRunning
	r.status.ContainerStatuses = make([]corev1.ContainerStatus, len(pod.Spec.Containers))
	for i, c := range pod.Spec.Containers {
		r.done.Go(func() { r.status.ContainerStatuses[i] = r.run(c) })
	}
	return r
}

// wait waits for the end of all containers, and returns what became of them.
func (r *running) wait() corev1.PodStatus {
	r.done.Wait()
	if r.status.Phase != corev1.PodRunning {
		return r.status
	}
	r.status.Phase = corev1.PodSucceeded
	for _, s := range r.status.ContainerStatuses {
		switch end := s.State.Terminated; {
		case end == nil:
			r.status.Phase = corev1.PodPending
			return r.status
		case end.ExitCode != 0:
			r.status.Phase = corev1.PodFailed
		}
	}
	return r.status
}

// run runs a container to its end.
func (r *running) run(c corev1.Container) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: c.Name, Image: c.Image}
	ends := filepath.Join(r.dir, c.Name+".end")
	args, err := r.arguments(c, ends)
	if err != nil {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: err.Error()}
		return status
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := r.daemon.Command(args...)
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	out, err := cmd.CombinedOutput()
	stop()
	r.mutex.Lock()
	r.said[c.Name] = string(out)
	r.mutex.Unlock()
	end := &corev1.ContainerStateTerminated{Reason: "Completed"}
	if err != nil {
		end.Reason, end.ExitCode = "Error", 128
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
			end.ExitCode = int32(exit.ExitCode())
		}
	}
	message, _ := os.ReadFile(ends)
	end.Message = string(message[:min(len(message), 4096)]) // a kubelet reads no more
	status.State.Terminated = end
	return status
}

// arguments are those of docker for a container that says its last word in a file.
func (r *running) arguments(c corev1.Container, ends string) ([]string, error) {
	env := map[string]string{}
	args := []string{"run", "--rm", "--hostname", r.pod.Name}
	if c.WorkingDir != "" {
		args = append(args, "--workdir", c.WorkingDir)
	}
	for _, v := range c.Env {
		if v.ValueFrom != nil {
			return nil, fmt.Errorf("%s: no value but from elsewhere", v.Name)
		}
		env[v.Name] = expand(v.Value, env)
		args = append(args, "--env", v.Name+"="+env[v.Name])
	}
	restrictions, err := r.restrict(c)
	if err != nil {
		return nil, err
	}
	args = append(append(args, restrictions...), r.options[c.Image]...)
	if !slices.Contains(args, "--network") {
		args = append(args, "--network", "none")
	}
	for _, mount := range c.VolumeMounts {
		from, err := r.mounted(mount)
		if err != nil {
			return nil, err
		}
		args = append(args, "--volume", from+":"+mount.MountPath+map[bool]string{true: ":ro"}[mount.ReadOnly])
	}
	if err := write(ends, "", 0o666); err != nil {
		return nil, err
	}
	args = append(args, "--volume", ends+":"+cmp.Or(c.TerminationMessagePath, "/dev/termination-log"))
	command := slices.Concat(c.Command, c.Args)
	for i, arg := range command {
		command[i] = expand(arg, env)
	}
	return append(append(args, "--entrypoint", command[0], c.Image), command[1:]...), nil
}

var variable = regexp.MustCompile(`\$(\$|\([^()]*\))`)

// expand fills in $(NAME) as Kubernetes does, for variables of the container. $$ is a $.
func expand(text string, env map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		if value, ok := env[found[2:len(found)-1]]; ok {
			return value
		}
		return found
	})
}

// restrict is what the security contexts of a container and of its pod mean to docker run. It refuses what a kubelet refuses.
func (r *running) restrict(c corev1.Container) ([]string, error) {
	own, all := c.SecurityContext, r.pod.Spec.SecurityContext
	if own == nil {
		own = &corev1.SecurityContext{}
	}
	if all == nil {
		all = &corev1.PodSecurityContext{}
	}
	if is(own.Privileged) {
		return nil, errors.New("it would be privileged")
	}
	var args []string
	if r.group != 0 {
		args = append(args, "--group-add", strconv.Itoa(r.group))
	}
	user, group := cmp.Or(own.RunAsUser, all.RunAsUser), cmp.Or(own.RunAsGroup, all.RunAsGroup)
	switch {
	case user != nil && group != nil:
		args = append(args, "--user", fmt.Sprintf("%d:%d", *user, *group))
	case user != nil:
		args = append(args, "--user", fmt.Sprint(*user))
	case group != nil:
		return nil, errors.New("a group without a user is not imitated here")
	}
	if is(cmp.Or(own.RunAsNonRoot, all.RunAsNonRoot)) {
		if err := r.notRoot(c.Image, user); err != nil {
			return nil, err
		}
	}
	if seccomp := cmp.Or(own.SeccompProfile, all.SeccompProfile); seccomp == nil || seccomp.Type != corev1.SeccompProfileTypeRuntimeDefault {
		args = append(args, "--security-opt", "seccomp=unconfined")
	}
	return append(args, confine(own)...), nil
}

func confine(s *corev1.SecurityContext) (args []string) {
	if is(s.ReadOnlyRootFilesystem) {
		args = append(args, "--read-only")
	}
	if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
		args = append(args, "--security-opt", "no-new-privileges")
	}
	if s.Capabilities != nil {
		for _, capability := range s.Capabilities.Drop {
			args = append(args, "--cap-drop", string(capability))
		}
		for _, capability := range s.Capabilities.Add {
			args = append(args, "--cap-add", string(capability))
		}
	}
	return args
}

func is(b *bool) bool { return b != nil && *b }

// notRoot refuses a container that must not run as root, and whose user is root or cannot be told from root.
func (r *running) notRoot(image string, user *int64) error {
	if user != nil {
		if *user == 0 {
			return errors.New("container's runAsUser breaks non-root policy")
		}
		return nil
	}
	out, err := r.daemon.Command("image", "inspect", "-f", "{{.Config.User}}", image).Output()
	if err != nil {
		return fmt.Errorf("%s: %w", image, err)
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(out)), ":")
	if id, err := strconv.Atoi(name); err != nil || id == 0 {
		return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root", name)
	}
	return nil
}
