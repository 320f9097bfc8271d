package sqsqueue

import (
	"context"
	"errors"
	"time"
)

// heartbeat keeps every held message hidden from other workers: those that run, those that wait for a slot, and those
// whose fate is being carried out. It hands the requests to the batchers and never waits for one.
func (w *Worker) heartbeat(ctx context.Context) {
	shortest := maxVisibility
	for _, s := range w.sources {
		shortest = min(shortest, s.visibility)
	}
	// A lease is due for its beat with two thirds of its time left; looking eight times as often as it expires leaves
	// several tries for a beat that fails. The minute before the end of the longest lease must not be missed either.
	ticker := time.NewTicker(min(shortest/8, 15*time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now()
			for _, l := range w.held.list() {
				w.beat(l, now)
			}
		}
	}
}

func (w *Worker) beat(l *lease, now time.Time) {
	l.exhaust(now)
	if l.expired(now) {
		w.lose(l, errors.New("no heartbeat was accepted in time"))
		return
	}
	extend, due := l.beginBeat(now)
	if !due {
		return
	}
	l.source.changes.Go(visibilityChange{lease: l, timeout: extend}, func(err error) {
		if err != nil {
			l.endBeat(time.Time{})
			if gone(err) {
				w.lose(l, err)
				return
			}
			w.logger.Warn("heartbeat failed; it will be tried again", "queue", l.source.name, "error", err)
			return
		}
		l.endBeat(now.Add(extend - expiryMargin))
	})
}

// lose gives up a message that others may have received by now: its run would be a second one.
func (w *Worker) lose(l *lease, err error) {
	w.held.remove(l)
	if l.lose() {
		w.logger.Warn("a message's lease was lost; another worker may run its job", "queue", l.source.name, "error", err)
	}
}
