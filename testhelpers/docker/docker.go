// Package docker starts a Docker daemon and a registry for tests: the test's own, on unix sockets and the loopback, below a
// directory of their own, and ended with the test. Containers have no network but the host's, if they ask for it.
package docker

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// started is how long a service may take until it answers. It is only waited for as long as it takes.
const started = time.Minute

// Missing says what a daemon or a registry would need that is not there; it is empty if all is there.
func Missing() string {
	if os.Geteuid() != 0 {
		return "a Docker daemon of our own needs root"
	}
	for _, need := range [][2]string{{"dockerd", "docker.io"}, {"docker", "docker.io"}, {"docker-registry", "docker-registry"}} {
		if _, err := exec.LookPath(need[0]); err != nil {
			return fmt.Sprintf("%s is not installed (on Debian or Ubuntu: apt-get install %s)", need[0], need[1])
		}
	}
	return ""
}

// Need skips a test unless `make long` runs it, and ends it where there can be no daemon and registry.
func Need(t testing.TB) {
	t.Helper()
	testhelpers.OnlyLong(t)
	if why := Missing(); why != "" {
		testhelpers.Lacking(t, why)
	}
}

// Daemon is a Docker daemon.
type Daemon struct {
	// Host is where it listens, as DOCKER_HOST takes it.
	Host string
	// Dir is a directory that goes with it.
	Dir string
}

// Start starts a daemon that ends with the test.
func Start(t testing.TB) *Daemon {
	t.Helper()
	Need(t)
	dir := tempDir(t)
	t.Cleanup(func() { unmount(dir) })
	config := dir + "/daemon.json" // not the machine's
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Host: "unix://" + dir + "/docker.sock", Dir: dir}
	serve(t, dir+"/dockerd.log", func() bool { return d.Command("version").Run() == nil },
		"dockerd", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "--config-file", config, "-H", d.Host,
		"--bridge", "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false")
	return d
}

// Command is a call of the client for this daemon. It knows no credentials.
func (d *Daemon) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(client(), args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.Host, "DOCKER_CONFIG="+d.Dir+"/config")
	return cmd
}

// Run calls the client, and returns what it prints to standard output, without the last end of line. The test fails if the
// client does.
func (d *Daemon) Run(t testing.TB, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := d.Command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return strings.TrimSuffix(stdout.String(), "\n")
}

// client is the one that comes with the daemon: it builds with BuildKit without the plugin that later ones need.
func client() string {
	if _, err := os.Stat("/usr/bin/docker"); err == nil {
		return "/usr/bin/docker"
	}
	return "docker"
}

// Registry starts a registry that ends with the test, and returns its address, 127.0.0.1:<port>. It speaks plain HTTP.
func Registry(t testing.TB) string {
	t.Helper()
	Need(t)
	dir := tempDir(t)
	address := free(t)
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: '%s'}\n", dir, address)
	if err := os.WriteFile(dir+"/config.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, dir+"/registry.log", func() bool {
		response, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	}, "docker-registry", "serve", dir+"/config.yml")
	return address
}

// free is an unused address on the loopback.
func free(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// tempDir is a short one: the paths of sockets may not be long.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "prelude-docker-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve starts a service, and waits until it is ready. A shell ends the service when its standard input ends, and so also when
// the test's process is killed.
func serve(t testing.TB, log string, ready func() bool, command ...string) {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	service := exec.Command("sh", append([]string{"-c", `"$@" </dev/null & read -r _; kill $!; wait $!`, "sh"}, command...)...)
	service.Stdout, service.Stderr = out, out
	stdin, err := service.StdinPipe()
	if err == nil {
		err = service.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		service.Wait() // it was killed
	})
	for end := time.Now().Add(started); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			text, _ := os.ReadFile(log)
			t.Fatalf("%s does not answer:\n%s", command[0], text)
		}
	}
}

// unmount removes what a daemon that was killed may have left mounted.
func unmount(dir string) {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for _, line := range strings.Split(string(mounts), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], filepath.Clean(dir)+"/") {
			exec.Command("umount", "-l", fields[1]).Run()
		}
	}
}
