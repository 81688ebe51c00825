package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/otlp"
	"github.com/cnb-prelude/prelude/internal/process"
	"github.com/cnb-prelude/prelude/internal/statusline"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// detect runs one bin/detect.
type detect func(context.Context, *buildpack.Module) buildpack.Detection

// runner executes each module's bin/detect once, several at the same time, and remembers the detections (docs/reference.md,
// "The order".8). Slots that the present candidate does not need run what coming candidates will need. It belongs to one goroutine;
// the bin/detect run in others and report to it.
type runner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	detect detect
	// slots is how many run at the same time at the most: as many modules that are needed, and as many ahead.
	slots int
	// idle says whether the machine has time for modules that are not needed yet; nil: none is run ahead.
	idle func() bool
	// burst is how many are run ahead before the load of the machine is looked at again.
	burst int

	// status shows how far it is, and tracing writes what has ended; nil if that is not asked for.
	status  *statusline.Line
	tracing *phase.Tracing

	// say takes what is said of modules that run for long; nil if nothing is to be said. The first time is after patience, then
	// after each interval.
	say                func(string)
	patience, interval time.Duration
	// cut are the modules that were running when the phase was asked to end, and for how long.
	cut []string

	started map[buildpack.Ref]bool
	// running are the modules that run, in the order in which they were started.
	running []*inFlight
	known   map[buildpack.Ref]Run
	done    chan Run
}

// newRunner runs at most parallel bin/detect at the same time; 0 means as many as are good for this machine, and 1 strictly
// one after the other, in order, nothing ahead of its time.
func newRunner(ctx context.Context, detect detect, parallel int) *runner {
	r := &runner{
		detect:   detect,
		patience: 30 * time.Second, interval: time.Minute,
		started: map[buildpack.Ref]bool{}, known: map[buildpack.Ref]Run{},
	}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	cpus, limited := availableCPUs()
	r.burst = 2 * cpus
	var ahead bool
	if r.slots, ahead = slots(parallel, cpus, process.MaxConcurrent()); ahead {
		r.idle = idleMachine(cpus, limited)
	}
	r.done = make(chan Run, 2*r.slots)
	return r
}

// slots is how many needed modules run at the same time, and as many ahead, if any are run ahead: never
// more than there is room for.
func slots(parallel, cpus, room int) (each int, ahead bool) {
	switch {
	case parallel == 1 || room < 2:
		return 1, false
	case parallel == 0:
		parallel = slotsPerCPU * cpus
	}
	return min(parallel, room/2), true
}

// Detect returns the detections of the modules that are needed, and runs those that have not been run yet. It returns as
// soon as a required one said no. Its only error is that the phase was asked to end.
func (r *runner) Detect(needs []resolve.Need, ahead resolve.Ahead) ([]buildpack.Detection, error) {
	w := waiting{needs: needs, detections: make([]buildpack.Detection, len(needs)), at: make(map[buildpack.Ref]int, len(needs))}
	for i, need := range needs {
		ref := need.Module.Ref
		w.at[ref] = i
		if run, known := r.known[ref]; known {
			w.take(i, run.Detection)
		} else if r.started[ref] {
			w.running++
		}
	}
	r.status.Candidate()
	r.tracing.Event("candidate", otlp.Attribute{Key: "cnb.modules", Value: len(needs)})
	for {
		if w.failed || w.known == len(needs) {
			return w.detections, nil
		}
		more := r.startNeeded(&w) && r.idle != nil
		if !more { // else needed modules come first, and in a moment the machine shows their load
			more = r.startAhead(&w, ahead)
		}
		r.status.Running(len(r.known), len(r.started)-len(r.known))
		run, err := r.wait(more)
		if err != nil {
			return nil, err
		}
		if run == nil {
			continue
		}
		if i, needed := w.at[run.Module.Ref]; needed {
			w.running--
			w.take(i, run.Detection)
		}
	}
}

// waiting is what a candidate is waiting for.
type waiting struct {
	needs      []resolve.Need
	detections []buildpack.Detection
	at         map[buildpack.Ref]int
	// known and running count; next is the first that has perhaps not been started.
	known, running, next int
	// failed is true if a required one said no.
	failed bool
	// nothingAhead says that nothing is ahead that has not been started. That stays so while this waiting lasts.
	nothingAhead bool
}

func (w *waiting) take(i int, d buildpack.Detection) {
	w.detections[i] = d
	w.known++
	w.failed = w.failed || w.needs[i].Required && d.Outcome == buildpack.Failed
}

// startNeeded starts modules that are needed, in order, and says whether it has. Modules that run ahead do not count: they
// must not be in the way.
func (r *runner) startNeeded(w *waiting) (any bool) {
	for ; w.next < len(w.needs); w.next++ {
		m := w.needs[w.next].Module
		if r.started[m.Ref] {
			continue
		}
		if w.running >= r.slots {
			break
		}
		r.start(m, false)
		w.running++
		any = true
	}
	return any
}

// startAhead starts modules that coming candidates will need, as long as slots are free and the machine is idle, a few at a
// time: the load of those just started does not show yet. It says whether there is perhaps more to start in a moment.
func (r *runner) startAhead(w *waiting, ahead resolve.Ahead) (more bool) {
	free := r.slots - (len(r.started) - len(r.known))
	if r.idle == nil || w.nothingAhead || free <= 0 {
		return false
	}
	if !r.idle() {
		return true
	}
	most := min(r.burst, free)
	proposed := ahead.Propose(most)
	for _, m := range proposed {
		r.start(m, true)
	}
	w.nothingAhead = len(proposed) < most
	return !w.nothingAhead && most < free
}

// Progress implements [resolve.Source].
func (r *runner) Progress(ref buildpack.Ref) (buildpack.Detection, bool) {
	return r.known[ref].Detection, r.started[ref]
}

// inFlight is a module that runs.
type inFlight struct {
	ref   buildpack.Ref
	since time.Time
	// next is when it is named next.
	next time.Time
}

func (r inFlight) String() string {
	return fmt.Sprintf("%s, %d s", r.ref, int(time.Since(r.since).Seconds()))
}

// ends takes note that a module has ended.
func (r *runner) ends(run Run) {
	r.known[run.Module.Ref] = run
	r.running = slices.DeleteFunc(r.running, func(o *inFlight) bool { return o.ref == run.Module.Ref })
}

// sayRunning names the modules whose time to be named has come, and returns how long it takes until the next.
func (r *runner) sayRunning() time.Duration {
	soonest := r.interval
	for _, m := range r.running {
		if time.Now().After(m.next) {
			m.next = time.Now().Add(r.interval)
			r.say("still running: " + m.String())
		}
		soonest = min(soonest, time.Until(m.next))
	}
	return max(soonest, time.Millisecond)
}

// whileRunning is the end of the phase with the modules that were running then.
func (r *runner) whileRunning(exit *platform.Exit) *platform.Exit {
	if len(r.cut) == 0 {
		return exit
	}
	return &platform.Exit{Code: exit.Code, Action: exit.Action, Err: fmt.Errorf("%w while these were running: %s", exit.Err, strings.Join(r.cut, "; "))}
}

func (r *runner) start(m *buildpack.Module, ahead bool) {
	r.started[m.Ref] = true
	r.running = append(r.running, &inFlight{ref: m.Ref, since: time.Now(), next: time.Now().Add(r.patience)})
	go func() {
		run := Run{Module: m, Started: time.Now()}
		run.Detection = r.detect(r.ctx, m)
		run.Ended = time.Now()
		r.tracing.Ran(run.traced(ahead))
		r.done <- run
	}()
}

// traced is what a trace tells of a bin/detect.
func (run Run) traced(ahead bool) phase.Executable {
	d := run.Detection
	e := phase.Executable{Name: "bin/detect", Module: run.Module, Start: run.Started, End: run.Ended, Attributes: []otlp.Attribute{
		{Key: "cnb.outcome", Value: string(d.Outcome)}, {Key: "cnb.ahead", Value: ahead}, {Key: "cnb.output_bytes", Value: len(d.Output)},
	}}
	if d.ExitCode != buildpack.NoExitCode {
		e.Attributes = append(e.Attributes, otlp.Attribute{Key: "cnb.exit_code", Value: d.ExitCode})
	}
	if d.Outcome == buildpack.Errored {
		e.Failed = "bin/detect ended with an error"
	}
	return e
}

// recheck is how long it takes until the runner looks again whether the machine is idle.
const recheck = 2 * time.Millisecond

// wait waits until a bin/detect has ended or, if there is more to start, for a moment: then it returns nil.
func (r *runner) wait(more bool) (ended *Run, err error) {
	var moment <-chan time.Time
	if more {
		moment = time.After(recheck)
	}
	for {
		var named <-chan time.Time
		if r.say != nil {
			named = time.After(r.sayRunning())
		}
		running := slices.Clone(r.running)
		select {
		case run := <-r.done:
			r.ends(run)
			ended = &run
		case <-named:
			continue
		case <-moment:
		case <-r.ctx.Done():
		}
		if r.ctx.Err() == nil {
			return ended, nil
		}
		for _, m := range running {
			r.cut = append(r.cut, m.String())
		}
		r.drain()
		return nil, context.Cause(r.ctx)
	}
}

// errEnough is why what still runs is ended when the answer is known.
var errEnough = errors.New("no longer needed")

// stop ends the modules that still run, and waits for that. Each has its time to end by itself.
func (r *runner) stop() {
	r.status.Stop()
	r.cancel(errEnough)
	r.drain()
}

func (r *runner) drain() {
	for len(r.known) < len(r.started) {
		r.ends(<-r.done)
	}
}

// ended are those that have ended, in the order in which they were started.
func (r *runner) ended() []Run {
	return slices.SortedFunc(maps.Values(r.known), func(a, b Run) int { return a.Started.Compare(b.Started) })
}
