package chaos

import (
	"slices"
	"strings"
	"time"

	"github.com/coretasks/core/tasks"
)

// readTicks reads from what the schedulers have said which ticks they have fired and which they leave out.
func (w *world) readTicks(e *evidence) error {
	e.ticking = len(w.schedulers) > 0
	return w.lines("scheduler-*.log", func(_ string, words []string) error {
		// A tick that was fired is a line of its own: when, and the job's ID.
		if len(words) == 2 && strings.HasPrefix(words[1], tickTask+"@") {
			j := e.job(words[1])
			j.kind, j.accepted = kindTick, true
			return nil
		}
		if line := strings.Join(words, " "); !strings.Contains(line, "ticks were missed") && !strings.Contains(line, "a tick is given up") {
			return nil
		}
		var gap interval
		for _, word := range words {
			name, text, _ := strings.Cut(word, "=")
			at, err := time.Parse(time.RFC3339, text)
			switch {
			case err != nil:
			case name == "tick":
				gap.begin, gap.end = at, at
			case name == "first":
				gap.begin = at
			case name == "last":
				gap.end = at
			}
		}
		e.missed = append(e.missed, gap)
		return nil
	})
}

// ticks: with a store, each tick from the first to the last was fired, or a scheduler has said that it was not.
func (l *Ledger) ticks(e *evidence) {
	if !e.ticking {
		return
	}
	fired := map[time.Time]bool{}
	var first, last time.Time
	for id := range e.jobs {
		task, tick, ok := tasks.ParseTickID(id)
		if !ok || task != tickTask {
			continue
		}
		fired[tick.UTC()] = true
		if first.IsZero() || tick.Before(first) {
			first = tick
		}
		if tick.After(last) {
			last = tick
		}
	}
	l.Ticks = len(fired)
	if l.Ticks == 0 {
		l.violate("no tick was fired")
	}
	for tick := first; tick.Before(last); tick = tick.Add(tickPeriod) {
		if fired[tick.UTC()] {
			continue
		}
		l.Missed++
		said := slices.ContainsFunc(e.missed, func(i interval) bool { return !tick.Before(i.begin) && !tick.After(i.end) })
		if l.Config.Store && !said {
			l.violate("the tick of %v was not fired, and no scheduler has said so", tick)
		}
	}
}
