package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/coretasks/core/deadletters"
)

// tally shows how many of many are done: a bar with the time left on a terminal, a line every few seconds elsewhere.
type tally struct {
	w    io.Writer
	verb string
	bars *mpb.Progress
	bar  *mpb.Bar

	mu      sync.Mutex
	last    deadletters.Progress
	started time.Time
	told    time.Time
}

// tallyEvery is how often a line is written where there is no terminal.
const tallyEvery = 5 * time.Second

func (p *program) newTally(verb string) *tally {
	now := time.Now()
	t := &tally{w: p.stderr, verb: verb, started: now, told: now}
	if f, ok := terminal(p.stderr); ok {
		t.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40), mpb.WithRefreshRate(100*time.Millisecond))
		t.bar = t.bars.AddBar(0,
			mpb.PrependDecorators(
				decor.Any(func(decor.Statistics) string {
					t.mu.Lock()
					defer t.mu.Unlock()
					return fmt.Sprintf("%d %s, ", t.last.Done, verb)
				}),
				decor.CountersNoUnit("%d of about %d looked at ")),
			mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")))
	}
	return t
}

// progress shows a change. What was looked at and left counts as done: it takes its time as well.
func (t *tally) progress(p deadletters.Progress) {
	looked := p.Done + p.Others
	total := max(p.Total, looked)
	t.mu.Lock()
	t.last = p
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.SetTotal(int64(total), false)
		t.bar.SetCurrent(int64(looked))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.told) < tallyEvery || looked == 0 {
		return
	}
	t.told = now
	left := time.Duration(float64(now.Sub(t.started)) / float64(looked) * float64(total-looked))
	_ = printf(t.w, "%s %d %s, %d looked at and left, of about %d; %v left\n",
		now.Format("15:04:05"), p.Done, t.verb, p.Others, total, left.Round(time.Second))
}

// done leaves the bar as it is.
func (t *tally) done() {
	if t.bar == nil {
		return
	}
	t.bar.Abort(false)
	t.bars.Wait()
}
