package sqsqueue

import (
	"slices"
	"sync"
	"time"
)

// A dispatcher shares a worker's slots among its queues, and says when to fetch and how much. It does no input or output
// of its own: the worker gives it two functions that start a poll and a run, each in a goroutine.
type dispatcher struct {
	poll func(s *source, ask int, wait bool)
	run  func(l *lease)

	mu       sync.Mutex
	sources  []*source
	free     int // idle slots that are kept for nobody
	slots    int
	stopping bool
	watch    watch
}

// step starts whatever can be started now: first runs, then polls. The caller holds mu.
func (d *dispatcher) step() {
	if d.stopping {
		return
	}
	for {
		l, used := d.take()
		if !used {
			break
		}
		if l != nil {
			d.run(l)
		}
	}
	if d.careful() {
		return // what is fetched now could be killed while it waits
	}
	for _, s := range d.sources {
		for !s.paused {
			ask, wait := d.want(s)
			if ask == 0 {
				break
			}
			s.polls++
			s.asked += ask
			d.poll(s, ask, wait)
		}
	}
}

// keepFor is how long a slot is kept for a source's receive, which normally is answered much sooner.
const keepFor = time.Second

// take uses a free slot for the source whose turn it is, and reports whether there was a use for one. The message is nil
// where the slot is kept: the source has nothing at hand, but is believed to have more, and its receive is under way or
// about to be. Without that, where long tasks leave nothing to prefetch, the source whose message happens to be at hand
// would have every turn, whatever its weight. The caller holds mu.
func (d *dispatcher) take() (l *lease, used bool) {
	if d.careful() {
		return d.takeSuspect()
	}
	atHand := func(s *source) bool { return len(s.ready) > 0 }
	if d.free == 0 || !slices.ContainsFunc(d.sources, atHand) {
		return nil, false
	}
	s := turn(d.sources, func(s *source) bool { return atHand(s) || s.more })
	d.free--
	if atHand(s) {
		d.watch.began = time.Now()
		return s.pop(), true
	}
	s.kept++
	if s.kept == 1 {
		s.keeping = time.AfterFunc(keepFor, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			s.more = false
			d.unkeep(s)
			d.step()
		})
	}
	return nil, true
}

// unkeep uses the slots kept for a source for what it has at hand, and frees the others once it is believed to have no
// more. Their turns were counted when they were kept. The caller holds mu.
func (d *dispatcher) unkeep(s *source) {
	if s.kept == 0 {
		return
	}
	for s.kept > 0 && len(s.ready) > 0 {
		s.kept--
		d.watch.began = time.Now()
		d.run(s.pop())
	}
	if !s.more {
		d.free += s.kept
		s.kept = 0
	}
	if s.kept == 0 {
		s.keeping.Stop()
	}
}

// want says how many messages the next poll of a source should ask for, and whether it may wait for them; 0 is no poll.
//
// A queue always has one poll waiting for it while the worker has use for a message, and a second one while messages
// come: it waits at SQS while the answer to the first is on its way. Further polls, which do not wait, are for queues that
// give full batches, and only when they can bring a full batch: the price is by request.
func (d *dispatcher) want(s *source) (ask int, wait bool) {
	room := d.share(s) + s.kept + d.ahead(s) - s.held() - s.asked
	if room <= 0 {
		return 0, false
	}
	if s.single() {
		if s.polls > 0 || len(s.ready) > 0 {
			return 0, false
		}
		return 1, s.kept == 0
	}
	if s.polls == 0 {
		// While messages are at hand and a full batch does not fit, the poll can wait for more room.
		if room < maxBatch && len(s.ready) > 0 {
			return 0, false
		}
		return min(room, maxBatch), s.kept == 0
	}
	switch {
	case room < maxBatch:
		return 0, false
	case s.polls == 1 && s.lively:
		return maxBatch, true
	case s.polls < s.maxPolls:
		return maxBatch, false
	}
	return 0, false
}

// share is how many idle slots a source may fetch for: those that no message at hand is meant for. What other queues'
// polls may bring does not count, since an idle queue's poll waits for 20 seconds; so each further queue can bring a
// few messages too many, never more than one poll's.
func (d *dispatcher) share(s *source) int {
	others := 0
	for _, o := range d.sources {
		if o != s {
			others += len(o.ready)
		}
	}
	return max(d.free-others, 0)
}

// ahead is how many messages of a source the worker will have a slot for within the horizon, going by how long tasks
// take: the slots that all queues' tasks free meanwhile, by weight, and no more than its own tasks alone would use.
func (d *dispatcher) ahead(s *source) int {
	var sum time.Duration
	known, weights := 0, 0
	for _, o := range d.sources {
		if o.average == 0 {
			continue
		}
		known++
		sum += o.average
		weights += o.weight
	}
	if s.average == 0 {
		if known == 0 {
			return 0
		}
		weights += s.weight
	}
	freed := d.fits(sum / time.Duration(max(known, 1)))
	own := 1 // while nothing is known of its tasks: one will tell
	if s.average > 0 {
		own = d.fits(s.average)
	}
	byWeight := freed * s.weight / weights
	if byWeight == 0 && freed >= known {
		byWeight = 1
	}
	return min(byWeight, own)
}

// fits is how many runs of the given length the slots can begin within the horizon, at most maxPrefetch.
func (d *dispatcher) fits(average time.Duration) int {
	return int(min(int64(d.slots)*int64(horizon)/int64(max(average, 1)), maxPrefetch))
}

// polled takes what a poll brought, or that it failed, which keeps the source from being polled until resume. The leases
// come back when the dispatcher is stopping: they must be given back.
func (d *dispatcher) polled(s *source, ask int, got []*lease, failed bool) (refused []*lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.polls--
	s.asked -= ask
	s.more = !failed && len(got) == ask
	s.lively = len(got) > 0
	switch {
	case failed:
		s.failures++
		s.paused = true
		s.maxPolls = 1
	case len(got) == ask:
		s.failures = 0
		s.maxPolls = min(s.maxPolls*4, maxPolls)
	default:
		s.failures = 0
		s.maxPolls = max(s.maxPolls/2, 1)
	}
	if d.stopping {
		return got
	}
	before := d.careful()
	if !failed {
		s.look(got)
	}
	s.admit(got)
	if !before && d.careful() {
		d.beCareful()
	}
	d.unkeep(s)
	d.step()
	return nil
}

// next is called by a slot whose run has ended: it returns the slot's next message, or nil when the slot is to end.
func (d *dispatcher) next(ended *lease, elapsed time.Duration) *lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	if elapsed > 0 { // otherwise nothing was run
		ended.source.observe(elapsed)
	}
	d.proved(ended)
	d.free++
	if d.stopping {
		return nil
	}
	l, _ := d.take()
	d.step()
	return l
}

// failures counts the receives of a source that failed in a row.
func (d *dispatcher) failures(s *source) (n int, stopping bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.failures, d.stopping
}

// resume lets a source be polled again whose last receive failed.
func (d *dispatcher) resume(s *source) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.paused = false
	d.step()
}

// start begins to fetch.
func (d *dispatcher) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.step()
}

// stop ends fetching and hands over what has not started.
func (d *dispatcher) stop() []*lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping = true
	var waiting []*lease
	for _, s := range d.sources {
		waiting = append(append(waiting, s.ready...), s.suspects...)
		s.ready, s.suspects = nil, nil
	}
	return waiting
}
