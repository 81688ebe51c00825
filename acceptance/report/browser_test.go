// Package report opens the pages that -report writes in a browser: headless Chromium, driven by chromedriver.
package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// browser is a session of chromedriver.
type browser struct {
	t       *testing.T
	base    string
	session string
}

// options keep Chromium quiet: these tests look at what a page does, not at what a browser asks its maker.
var options = []string{
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update",
	"--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1440,1000",
}

// newBrowser starts a browser.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	testhelpers.Peers(t, "chromedriver", "chromium")
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	command := exec.Command("chromedriver", fmt.Sprintf("--port=%d", port), "--silent")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill() //nolint:errcheck // it may have ended
		command.Wait()         //nolint:errcheck // by our own signal
	})
	b := &browser{t: t, base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	b.untilReady()
	var started struct{ SessionID string }
	b.ask("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "chrome",
		"goog:chromeOptions": map[string]any{
			"binary": chromium, "args": append(options, "--user-data-dir="+t.TempDir()),
		},
		"goog:loggingPrefs":       map[string]string{"performance": "ALL", "browser": "ALL"},
		"unhandledPromptBehavior": "ignore",
	}}}, &started)
	b.session = "/session/" + started.SessionID
	t.Cleanup(func() { b.ask("DELETE", b.session, nil, nil) })
	return b
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (b *browser) untilReady() {
	b.t.Helper()
	var err error
	for range 200 {
		var status struct{ Ready bool }
		if err = b.try("GET", "/status", nil, &status); err == nil && status.Ready {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.t.Fatalf("chromedriver is not ready: %v", err)
}

// ask sends a command of the WebDriver protocol.
func (b *browser) ask(method, path string, body, answer any) {
	b.t.Helper()
	if err := b.try(method, path, body, answer); err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (b *browser) try(method, path string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, b.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 2 * time.Minute}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(string(data))
	}
	if answer == nil {
		return nil
	}
	var value struct{ Value json.RawMessage }
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	return json.Unmarshal(value.Value, answer)
}

// devtools sends a command of the DevTools protocol.
func (b *browser) devtools(command string, parameters map[string]any, answer any) {
	b.t.Helper()
	b.ask("POST", b.session+"/goog/cdp/execute", map[string]any{"cmd": command, "params": parameters}, answer)
}

// open opens a page at a width.
func (b *browser) open(url string, width int, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.devtools("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.ask("POST", b.session+"/url", map[string]string{"url": url}, nil)
}

// eval evaluates a script as the test, not as the page, which forbids scripts.
func (b *browser) eval(script string, answer any) {
	b.t.Helper()
	b.ask("POST", b.session+"/execute/sync", map[string]any{"script": script, "args": []any{}}, answer)
}

// requests are the addresses that were asked for since the last time.
func (b *browser) requests() []string {
	b.t.Helper()
	var entries []struct{ Message string }
	b.ask("POST", b.session+"/se/log", map[string]string{"type": "performance"}, &entries)
	var urls []string
	for _, entry := range entries {
		var event struct {
			Message struct {
				Method string
				Params struct{ Request struct{ URL string } }
			}
		}
		if err := json.Unmarshal([]byte(entry.Message), &event); err != nil {
			b.t.Fatal(err)
		}
		if event.Message.Method == "Network.requestWillBeSent" {
			urls = append(urls, event.Message.Params.Request.URL)
		}
	}
	return urls
}

// complaints are what the browser has said about the page since the last time.
func (b *browser) complaints() []string {
	b.t.Helper()
	var entries []struct{ Level, Message string }
	b.ask("POST", b.session+"/se/log", map[string]string{"type": "browser"}, &entries)
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Level+" "+entry.Message)
	}
	return all
}

// screenshot makes a picture of the page, or of its first part if height is not 0.
func (b *browser) screenshot(path string, width, height int) {
	b.t.Helper()
	parameters := map[string]any{"format": "png", "captureBeyondViewport": true}
	if height > 0 {
		parameters["clip"] = map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
	}
	var picture struct{ Data string }
	b.devtools("Page.captureScreenshot", parameters, &picture)
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(picture.Data))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
