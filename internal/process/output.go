package process

import (
	"context"
	"io"
	"math"
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
	// later begins to copy; nil if that has begun at once.
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
	pump := func() {
		defer close(p.copied)
		p.file = os.NewFile(uintptr(p.end), "output") // reading it keeps no thread waiting
		close(p.begun)
		p.copy(p.file.Read, math.MaxInt)
	}
	if live {
		go pump()
	} else {
		p.later = time.AfterFunc(pumpDelay, pump)
	}
}

// buffers hold what executables print, on its way.
var buffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// copy copies until read has nothing more, at most so many times. Errors of the writer do not count: an executable does not
// wait for a reader that has gone, or for room on a disk.
func (p *outputPump) copy(read func([]byte) (int, error), times int) {
	buffer := buffers.Get().(*[4 << 10]byte)
	defer buffers.Put(buffer)
	for range times {
		n, err := read(buffer[:])
		if n <= 0 || err != nil {
			return
		}
		p.to.Write(buffer[:n]) //nolint:errcheck // see above
	}
}

// finish copies what is still in the pipe when the executable has ended. It does not wait for a descendant that keeps the
// pipe open or, once the context is done, for a writer that blocks.
func (p *outputPump) finish(ctx context.Context) {
	if p.later == nil || !p.later.Stop() {
		<-p.begun
		p.file.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // usually all writers have gone, and the end is near
		select {
		case <-p.copied:
		case <-ctx.Done():
			select {
			case <-p.copied:
			case <-time.After(killTimeout):
				return
			}
		}
	}
	const most = 1 << 20 // bytes: a descendant may go on printing
	p.copy(func(buffer []byte) (int, error) { return unix.Read(p.end, buffer) }, most/len([4 << 10]byte{}))
}

func (p *outputPump) close() {
	if p.file != nil {
		p.file.Close()
	} else {
		unix.Close(p.end)
	}
}
