package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/coretasks/core/tasks"
)

// progress shows how far one job is: a bar on a terminal, a line for each change elsewhere.
type progress struct {
	w    io.Writer
	bars *mpb.Progress
	bar  *mpb.Bar

	mu    sync.Mutex
	text  string
	lines string // the last line, without its time
}

const barSteps = 1000

func (p *program) newProgress() *progress {
	pr := &progress{w: p.stderr, text: "waiting"}
	if f, ok := terminal(p.stderr); ok {
		pr.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40), mpb.WithRefreshRate(100*time.Millisecond))
		pr.bar = pr.bars.AddBar(barSteps,
			mpb.PrependDecorators(decor.Percentage(decor.WCSyncSpace)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
				pr.mu.Lock()
				defer pr.mu.Unlock()
				return line(pr.text)
			})))
	}
	return pr
}

// record shows a change.
func (p *progress) record(r tasks.Record) {
	text := string(r.State)
	if r.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", r.Attempt)
	}
	if r.State == tasks.Running && (r.Progress > 0 || r.ProgressText != "") {
		text += fmt.Sprintf(", %.0f %%", r.Progress*100)
	}
	if r.ProgressText != "" && !r.State.Final() {
		text += ": " + r.ProgressText
	}
	p.mu.Lock()
	p.text = text
	repeated := text == p.lines
	p.lines = text
	p.mu.Unlock()
	switch {
	case p.bar != nil && r.State == tasks.Succeeded:
		p.bar.SetCurrent(barSteps)
	case p.bar != nil:
		p.bar.SetCurrent(min(int64(r.Progress*barSteps), barSteps-1))
	case !repeated:
		_ = printf(p.w, "%s %s\n", time.Now().Format("15:04:05"), text)
	}
}

// done leaves the bar as it is.
func (p *progress) done() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(false)
	p.bars.Wait()
}
