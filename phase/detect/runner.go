package detect

import (
	"cmp"
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

// Run is a bin/detect that was started.
type Run struct {
	Module *buildpack.Module
	// Detection is known once Ended is not zero.
	Detection      buildpack.Detection
	Started, Ended time.Time

	// next is when it is named again as one that runs for long.
	next time.Time
}

// runDetect runs one bin/detect.
type runDetect func(context.Context, *buildpack.Module) buildpack.Detection

// runner runs each bin/detect once, several at the same time, and remembers how that went. Slots that the present candidate
// does not need run what coming candidates will need. Its methods belong to one goroutine; the bin/detect run in others.
type runner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	detect runDetect
	// slots is how many needed modules run at the same time, and how many with those that are run ahead.
	slots int
	// idle reports whether the machine has time to run modules ahead; nil: none is.
	idle func() bool
	// burst is how many are run ahead before idle is asked again.
	burst int
	// nothingAhead is true once all that coming candidates need has been started.
	nothingAhead bool

	// status and tracing are nil if they are not asked for.
	status  *statusline.Line
	tracing *phase.Tracing

	// say names modules that run for longer than patience, then after each interval.
	say                func(string)
	patience, interval time.Duration
	// cut names the modules that were running when the phase was asked to end.
	cut []string

	runs map[buildpack.Ref]*Run
	// running has those that have not ended, in the order in which they were started.
	running []*Run
	done    chan Run
}

// newRunner returns a runner for parallel modules at the same time. 0 means as many as are good for this machine, and 1
// strictly one after the other, none before it is needed.
func newRunner(ctx context.Context, detect runDetect, parallel int) *runner {
	cpus := availableCPUs()
	r := &runner{
		detect: detect, burst: 2 * cpus,
		say: func(string) {}, patience: 30 * time.Second, interval: time.Minute,
		runs: map[buildpack.Ref]*Run{},
	}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	var ahead bool
	if r.slots, ahead = slots(parallel, cpus, process.MaxConcurrent()); ahead {
		r.idle = idleMachine(cpus)
	}
	r.done = make(chan Run, 2*r.slots)
	return r
}

// slots returns how many needed modules run at the same time, and as many ahead if any are: never more than there is room for.
func slots(parallel, cpus, room int) (each int, ahead bool) {
	return min(cmp.Or(parallel, slotsPerCPU*cpus), max(1, room/2)), parallel != 1 && room > 1
}

// Detect implements [resolve.Source]. It runs the needed modules that have not been run yet, and returns as soon as a required
// one said no. Its only error is that the phase was asked to end.
func (r *runner) Detect(needs []resolve.Need, ahead resolve.Ahead) ([]buildpack.Detection, error) {
	runs := make([]*Run, len(needs)) // nil if not started
	for i, need := range needs {
		runs[i] = r.runs[need.Module.Ref]
	}
	r.nothingAhead = false
	r.status.Candidate()
	r.tracing.Event("candidate", otlp.Attribute{Key: "cnb.modules", Value: len(needs)})
	for {
		running, judged := progress(needs, runs)
		if judged {
			return detections(runs), nil
		}
		more := r.startNeeded(needs, runs, running) && r.idle != nil
		if !more { // else needed modules come first, and in a moment the machine shows their load
			more = r.startAhead(ahead)
		}
		r.status.Running(len(r.runs)-len(r.running), len(r.running))
		if err := r.wait(more); err != nil {
			return nil, err
		}
	}
}

// progress returns how many of the needed modules are running. A candidate can be judged once all have ended or a required
// one said no.
func progress(needs []resolve.Need, runs []*Run) (running int, judged bool) {
	ended := 0
	for i, run := range runs {
		switch {
		case run == nil:
		case run.Ended.IsZero():
			running++
		case needs[i].Required && run.Detection.Outcome == buildpack.Failed:
			return 0, true
		default:
			ended++
		}
	}
	return running, ended == len(needs)
}

func detections(runs []*Run) []buildpack.Detection {
	all := make([]buildpack.Detection, len(runs))
	for i, run := range runs {
		if run != nil {
			all[i] = run.Detection
		}
	}
	return all
}

// startNeeded starts needed modules, in order, and reports whether it has started any. Those that run ahead and are
// not needed do not count: they must not be in the way.
func (r *runner) startNeeded(needs []resolve.Need, runs []*Run, running int) (started bool) {
	for i, need := range needs {
		if running >= r.slots {
			break
		}
		if runs[i] != nil {
			continue
		}
		if runs[i] = r.runs[need.Module.Ref]; runs[i] == nil { // else it runs ahead since
			runs[i] = r.start(need.Module, false)
			running++
			started = true
		}
	}
	return started
}

// startAhead starts modules that coming candidates will need, while slots are free and the machine is idle, a few at a time:
// the load of those just started does not show yet. It reports whether there is perhaps more to start in a moment.
func (r *runner) startAhead(ahead resolve.Ahead) (more bool) {
	free := r.slots - len(r.running)
	if r.idle == nil || r.nothingAhead || free <= 0 {
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
	r.nothingAhead = len(proposed) < most
	return !r.nothingAhead && most < free
}

// Progress implements [resolve.Source].
func (r *runner) Progress(ref buildpack.Ref) (d buildpack.Detection, started bool) {
	if run := r.runs[ref]; run != nil {
		return run.Detection, true
	}
	return buildpack.Detection{}, false
}

func (r *runner) start(m *buildpack.Module, ahead bool) *Run {
	now := time.Now()
	run := &Run{Module: m, Started: now, next: now.Add(r.patience)}
	r.runs[m.Ref] = run
	r.running = append(r.running, run)
	go func(run Run) {
		run.Detection = r.detect(r.ctx, m)
		run.Ended = time.Now()
		r.tracing.Ran(run.traced(ahead))
		r.done <- run
	}(*run)
	return run
}

// ends takes note that a module has ended.
func (r *runner) ends(run Run) {
	known := r.runs[run.Module.Ref]
	*known = run
	r.running = slices.DeleteFunc(r.running, func(o *Run) bool { return o == known })
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

// wait waits until a bin/detect has ended or, if there is more to start, for a moment.
func (r *runner) wait(more bool) error {
	var moment <-chan time.Time
	if more {
		moment = time.After(recheck)
	}
	for {
		named := time.After(r.sayRunning())
		running := slices.Clone(r.running) // a signal may end them before it is noticed here
		select {
		case run := <-r.done:
			r.ends(run)
		case <-named:
			continue
		case <-moment:
		case <-r.ctx.Done():
		}
		if r.ctx.Err() == nil {
			return nil
		}
		for _, run := range running {
			r.cut = append(r.cut, run.soFar())
		}
		r.drain()
		return context.Cause(r.ctx)
	}
}

// sayRunning names the modules whose time to be named has come, and returns how long it takes until the next.
func (r *runner) sayRunning() time.Duration {
	soonest := r.interval
	for _, run := range r.running {
		if time.Now().After(run.next) {
			run.next = time.Now().Add(r.interval)
			r.say("still running: " + run.soFar())
		}
		soonest = min(soonest, time.Until(run.next))
	}
	return max(soonest, time.Millisecond)
}

func (run *Run) soFar() string {
	return fmt.Sprintf("%s, %d s", run.Module.Ref, int(time.Since(run.Started).Seconds()))
}

// whileRunning adds to the end of the phase which modules were running then.
func (r *runner) whileRunning(exit *platform.Exit) *platform.Exit {
	if len(r.cut) == 0 {
		return exit
	}
	err := fmt.Errorf("%w while these were running: %s", exit.Err, strings.Join(r.cut, "; "))
	return &platform.Exit{Code: exit.Code, Action: exit.Action, Err: err}
}

// stop ends the modules that still run, and waits for that. It returns all runs, in the order in which they were started.
func (r *runner) stop() []*Run {
	r.status.Stop()
	r.cancel(errors.New("no longer needed"))
	r.drain()
	return slices.SortedFunc(maps.Values(r.runs), func(a, b *Run) int { return a.Started.Compare(b.Started) })
}

func (r *runner) drain() {
	for len(r.running) > 0 {
		r.ends(<-r.done)
	}
}
