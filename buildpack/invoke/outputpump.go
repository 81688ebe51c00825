package invoke

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pumpDelay is when the pump begins to take what an executable prints, if the output is not shown live. Most executables are
// done by then, and have printed less than a pipe holds: that is taken at the end, and no thread wakes up for it before.
const pumpDelay = 5 * time.Millisecond

// outputPump takes what an executable prints from a pipe to a writer.
type outputPump struct {
	to io.Writer
	// end is the read end of the pipe, and file too, once copying has begun.
	end  int
	file *os.File
	// later begins copying; nil if it has begun at once.
	later         *time.Timer
	begun, copied chan struct{}
}

// newOutputPump makes the pipe. Its other end is for the executable; the caller closes it once that has it.
func newOutputPump(to io.Writer) (i *outputPump, theirs int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, 0, os.NewSyscallError("pipe2", err)
	}
	unix.SetNonblock(ends[0], true) //nolint:errcheck // a new pipe has no reason to refuse
	return &outputPump{to: to, end: ends[0], begun: make(chan struct{}), copied: make(chan struct{})}, ends[1], nil
}

// begin begins copying, at once if the output is shown live.
func (i *outputPump) begin(live bool) {
	if live {
		go i.copy()
		return
	}
	i.later = time.AfterFunc(pumpDelay, i.copy)
}

// buffers are for what executables print, on its way.
var buffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

func (i *outputPump) copy() {
	defer close(i.copied)
	i.file = os.NewFile(uintptr(i.end), "output") // it waits without keeping a thread
	close(i.begun)
	buffer := buffers.Get().(*[4 << 10]byte)
	defer buffers.Put(buffer)
	io.CopyBuffer(lossyWriter{i.to}, struct{ io.Reader }{i.file}, buffer[:]) //nolint:errcheck // the module has ended, or is being ended
}

// lossyWriter takes everything, also when the writer behind it no longer does: the module is not to wait for a reader that
// has stopped to read, or for room on a disk.
type lossyWriter struct{ io.Writer }

func (s lossyWriter) Write(p []byte) (int, error) {
	s.Writer.Write(p) //nolint:errcheck // see above
	return len(p), nil
}

// finish takes what is still in the pipe when the executable has ended, without waiting for a descendant that keeps it open
// (B28), or, once the phase is asked to end, for a reader of its own output that does not read.
func (i *outputPump) finish(ctx context.Context) {
	if i.later == nil || !i.later.Stop() {
		<-i.begun
		if !i.stop(ctx) {
			return
		}
	}
	i.drain()
}

// stop waits for the end of copying, which it brings about if need be, and says whether it has come.
func (i *outputPump) stop(ctx context.Context) bool {
	select {
	case <-i.copied:
		return true
	case <-time.After(50 * time.Millisecond): // the usual case: all writers are gone, the end of the pipe is near
	}
	i.file.SetReadDeadline(time.Now())
	select {
	case <-i.copied:
		return true
	case <-ctx.Done():
	}
	select {
	case <-i.copied:
		return true
	case <-time.After(killTimeout):
		return false
	}
}

// drain takes the bytes that are in the pipe now: a MiB at the most. A descendant that goes on printing is not waited for.
func (i *outputPump) drain() {
	buffer := buffers.Get().(*[4 << 10]byte)
	defer buffers.Put(buffer)
	for range 1 << 20 / len(buffer) {
		n, err := unix.Read(i.end, buffer[:])
		if n <= 0 || err != nil {
			return
		}
		i.to.Write(buffer[:n]) //nolint:errcheck // as in lossyWriter
	}
}

func (i *outputPump) close() {
	if i.file != nil {
		i.file.Close()
	} else {
		unix.Close(i.end)
	}
}
