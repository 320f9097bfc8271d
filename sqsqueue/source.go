package sqsqueue

import (
	"time"

	"github.com/coretasks/core/internal/batch"
)

// How far a worker fetches ahead.
const (
	// horizon is how soon a prefetched message should be used. Longer would take work from idle workers.
	horizon = 2 * time.Second
	// maxPrefetch bounds what waits in memory for one queue, however short its tasks.
	maxPrefetch = 500
	// maxPolls bounds the receives under way for one queue.
	maxPolls = 32
)

// A source is one queue that a worker fetches from. Its fields from ready on are guarded by dispatcher.mu.
type source struct {
	name        string // without the prefix
	url         string
	weight      int
	visibility  time.Duration
	maxReceives int // the redrive policy's, as the tasks need it

	changes *batch.Batcher[visibilityChange]
	deletes *batch.Batcher[*lease]

	ready    []*lease
	suspects []*lease      // see careful.go
	calm     int           // messages since the last suspect; at the start all but one of calmAfter
	credit   int           // smooth weighted round robin: who waits longest relative to its weight goes first
	polls    int           // receives under way
	asked    int           // messages that they may bring
	lively   bool          // the last receive brought messages
	maxPolls int           // grows while batches come back full
	average  time.Duration // of a task's run, moving; 0 until the first has ended
	failures int           // receives failed in a row
	paused   bool          // waits after a failed receive
	more     bool          // its last receive came back full
	kept     int           // slots kept for what its receives under way bring
	keeping  *time.Timer   // ends that
}

// averageWeight is the share of a new run in the moving average: about the last twenty count.
const averageWeight = 0.1

func (s *source) observe(elapsed time.Duration) {
	elapsed = max(elapsed, time.Microsecond)
	if s.average == 0 {
		s.average = elapsed
		return
	}
	s.average += time.Duration(averageWeight * float64(elapsed-s.average))
}

// pop takes the message that waits longest.
func (s *source) pop() *lease {
	l := s.ready[0]
	s.ready[0] = nil
	s.ready = s.ready[1:]
	if len(s.ready) == 0 {
		s.ready = nil
	}
	return l
}

// turn picks, among the sources that can serve, the one whose turn it is by weight ("smooth weighted round robin": each
// gains its weight, the richest is taken and pays the sum). It returns nil when none can.
func turn(sources []*source, can func(*source) bool) *source {
	var best *source
	total := 0
	for _, s := range sources {
		if !can(s) {
			continue
		}
		total += s.weight
		s.credit += s.weight
		if best == nil || s.credit > best.credit {
			best = s
		}
	}
	if best != nil {
		best.credit -= total
	}
	return best
}
