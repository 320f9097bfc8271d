package sqsqueue

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"github.com/coretasks/core/tasks"
)

// aloneFor is how long a suspect runs before anything else may start beside it, and how long what runs already must have run
// before a suspect may. What kills its process later than that takes its neighbours along.
const aloneFor = 5 * time.Second

// calmAfter is how many messages in a row must be no suspects before a worker that has seen one fetches batches again.
const calmAfter = 10

// A suspect is a message that was received more often than its queue's retries explain: the process that had it was
// killed, perhaps by its job. Which of those that were there did it nobody knows, and when all of them run at once again,
// all are received again, until the redrive policy takes them for dead together. So in the last [tasks.ReceiveAllowance]
// deliveries that they have, they are fetched and run one by one: whoever is innocent ends, and the killer spends the
// deliveries that it has left alone. So a worker begins with a single message, and after a pause too: somebody may have been
// killed.
func (s *source) suspect(l *lease) bool { return l.receives() > s.maxReceives-tasks.ReceiveAllowance }

// admit takes what a receive brought.
func (s *source) admit(got []*lease) {
	for _, l := range got {
		if s.suspect(l) {
			s.suspects = append(s.suspects, l)
		} else {
			s.ready = append(s.ready, l)
		}
	}
	slices.SortStableFunc(s.suspects, func(a, b *lease) int { return cmp.Compare(a.order(), b.order()) })
}

// order puts suspects in an order that is drawn anew at every second delivery and reversed in between: of two that come
// together twice, each goes first once. So one killer can't go before the same neighbour every time.
func (l *lease) order() uint64 {
	n := l.receives()
	h := fnv.New64a()
	_, _ = h.Write([]byte{byte(n / 2)})
	_, _ = h.Write([]byte(*l.message.MessageId))
	if n%2 == 1 {
		return ^h.Sum64()
	}
	return h.Sum64()
}

// held is how many messages of a source wait in memory.
func (s *source) held() int { return len(s.ready) + len(s.suspects) }

// look counts what a receive brought.
func (s *source) look(got []*lease) {
	if len(got) == 0 && s.polls == 0 {
		s.calm = min(s.calm, calmAfter-1) // what comes next may be what a crash has left
	}
	for _, l := range got {
		if s.suspect(l) {
			s.calm = 0
		} else {
			s.calm++
		}
	}
}

// single reports whether a source's messages are fetched one by one.
func (s *source) single() bool { return s.calm < calmAfter }

// A watch is what a dispatcher knows of what it runs. It is guarded by the dispatcher's mu.
type watch struct {
	alone *lease    // the suspect that began less than aloneFor ago
	began time.Time // when the latest run did
}

// careful reports whether suspects have to be run first, one by one. The caller holds mu.
func (d *dispatcher) careful() bool {
	return d.watch.alone != nil || slices.ContainsFunc(d.sources, func(s *source) bool { return len(s.suspects) > 0 })
}

// beCareful begins to be, when the first suspects have come. The caller holds mu.
func (d *dispatcher) beCareful() {
	for _, s := range d.sources { // slots are kept for nobody now
		if s.kept > 0 {
			s.more = false
			d.free += s.kept
			s.kept = 0
			s.keeping.Stop()
		}
	}
	d.stepAfter(aloneFor-time.Since(d.watch.began), func() {})
}

// takeSuspect is take while suspects are there. The caller holds mu.
func (d *dispatcher) takeSuspect() (l *lease, used bool) {
	if d.free == 0 || d.watch.alone != nil || d.free < d.slots && time.Since(d.watch.began) < aloneFor {
		return nil, false
	}
	for _, s := range d.sources {
		if len(s.suspects) == 0 {
			continue
		}
		l = s.suspects[0]
		s.suspects = slices.Delete(s.suspects, 0, 1)
		d.free--
		d.watch.alone, d.watch.began = l, time.Now()
		d.stepAfter(aloneFor, func() { d.proved(l) })
		return l, true
	}
	return nil, false
}

// proved lets others run beside a suspect, or after it. The caller holds mu.
func (d *dispatcher) proved(l *lease) {
	if d.watch.alone == l {
		d.watch.alone = nil
	}
}

// stepAfter does something after a time, and what can be done then.
func (d *dispatcher) stepAfter(wait time.Duration, do func()) {
	time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		do()
		d.step()
	})
}
