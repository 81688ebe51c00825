package process

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pumpDelay is when the pump begins to copy, if the output is not shown live. Most executables have ended by then and have
// printed less than a pipe holds, so that no thread has to wake up for their output.
const pumpDelay = 5 * time.Millisecond

// outputPump copies what an executable prints from a pipe to a writer.
type outputPump struct {
	to io.Writer
	// end is the read end of the pipe, and file as well once copying has begun.
	end  int
	file *os.File
	// later begins copying; nil if it has begun at once.
	later         *time.Timer
	begun, copied chan struct{}
}

// newOutputPump makes the pipe. The other end is for the executable; the caller closes it after the start.
func newOutputPump(to io.Writer) (p *outputPump, theirs int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, 0, os.NewSyscallError("pipe2", err)
	}
	unix.SetNonblock(ends[0], true) //nolint:errcheck // a new pipe has no reason to refuse
	return &outputPump{to: to, end: ends[0], begun: make(chan struct{}), copied: make(chan struct{})}, ends[1], nil
}

func (p *outputPump) begin(live bool) {
	if live {
		go p.copy()
		return
	}
	p.later = time.AfterFunc(pumpDelay, p.copy)
}

// buffers hold what executables print, on its way.
var buffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

func (p *outputPump) copy() {
	defer close(p.copied)
	p.file = os.NewFile(uintptr(p.end), "output") // reading it keeps no thread waiting
	close(p.begun)
	buffer := buffers.Get().(*[4 << 10]byte)
	defer buffers.Put(buffer)
	io.CopyBuffer(lossyWriter{p.to}, struct{ io.Reader }{p.file}, buffer[:]) //nolint:errcheck // the executable has ended, or is being ended
}

// lossyWriter hides the errors of a writer: an executable does not wait for a reader that has gone, or for room on a disk.
type lossyWriter struct{ io.Writer }

func (w lossyWriter) Write(p []byte) (int, error) {
	w.Writer.Write(p) //nolint:errcheck // see above
	return len(p), nil
}

// finish copies what is still in the pipe when the executable has ended. It does not wait for a descendant that keeps the
// pipe open or, once the context is done, for a writer that blocks.
func (p *outputPump) finish(ctx context.Context) {
	if p.later == nil || !p.later.Stop() {
		<-p.begun
		if !p.stop(ctx) {
			return
		}
	}
	p.drain()
}

// stop ends copying and reports whether it has ended.
func (p *outputPump) stop(ctx context.Context) bool {
	select {
	case <-p.copied:
		return true
	case <-time.After(50 * time.Millisecond): // usually all writers are gone, and the end of the pipe is near
	}
	p.file.SetReadDeadline(time.Now())
	select {
	case <-p.copied:
		return true
	case <-ctx.Done():
	}
	select {
	case <-p.copied:
		return true
	case <-time.After(killTimeout):
		return false
	}
}

// drain copies what is in the pipe now, at most a MiB: a descendant may go on printing.
func (p *outputPump) drain() {
	buffer := buffers.Get().(*[4 << 10]byte)
	defer buffers.Put(buffer)
	for range 1 << 20 / len(buffer) {
		n, err := unix.Read(p.end, buffer[:])
		if n <= 0 || err != nil {
			return
		}
		p.to.Write(buffer[:n]) //nolint:errcheck // as in lossyWriter
	}
}

func (p *outputPump) close() {
	if p.file != nil {
		p.file.Close()
	} else {
		unix.Close(p.end)
	}
}
