package deadletters

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/coretasks/core/tasks"
)

// A Count is how many letters share a reason and a task.
type Count struct {
	Reason tasks.Reason `json:"reason"`
	// Task is empty for malformed messages.
	Task    string `json:"task"`
	Letters int    `json:"letters"`
	// Oldest and Newest bound FailedAt.
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// A Listing is what a dead-letter queue has.
type Listing struct {
	// Queue is the dead-letter queue's name in SQS.
	Queue string `json:"queue"`
	// Total is how many letters matched, Others how many did not.
	Total  int `json:"total"`
	Others int `json:"others"`
	// Hidden is how many somebody else held, so that they could not be looked at.
	Hidden int `json:"hidden"`
	// Counts are by reason and task, the largest first.
	Counts []Count `json:"counts"`
	// Letters are those that matched, newest first, without their bodies and attributes.
	Letters []Letter `json:"letters"`
}

// Oldest is when the oldest of the letters failed.
func (l *Listing) Oldest() time.Time {
	var oldest time.Time
	for _, c := range l.Counts {
		if oldest.IsZero() || c.Oldest.Before(oldest) {
			oldest = c.Oldest
		}
	}
	return oldest
}

// List looks at all letters that are visible and gives them back. It holds them all for a moment, so that other programs
// that receive from the dead-letter queue miss them meanwhile; see [Hold]. Where ctx ends it returns what it has seen, and
// the cause.
func (q *Queue) List(ctx context.Context, f Filter) (Listing, error) {
	before, err := q.Depth(ctx)
	if err != nil {
		return Listing{}, err
	}
	var (
		mu     sync.Mutex
		out    = Listing{Queue: q.dead, Hidden: before.Hidden, Letters: []Letter{}}
		counts = map[Count]*Count{} // by reason and task alone
	)
	w := &walk{queue: q, ask: maxBatch, count: walkers}
	w.visit = func(_ context.Context, letters []held) error {
		mu.Lock()
		defer mu.Unlock()
		for _, l := range letters {
			switch {
			case l.again:
				continue
			case !f.Match(l.Letter):
				out.Others++
				continue
			}
			out.Total++
			count(counts, l.Letter)
			l.Body, l.Attributes = "", nil
			out.Letters = append(out.Letters, l.Letter)
		}
		return nil
	}
	err = w.run(ctx)
	// Another list that runs at the same time holds letters, which this one has not seen.
	if after, depthErr := q.Depth(ctx); depthErr == nil {
		out.Hidden = max(out.Hidden, after.Hidden)
	}
	out.Counts = make([]Count, 0, len(counts))
	for _, c := range counts {
		out.Counts = append(out.Counts, *c)
	}
	slices.SortFunc(out.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Task, b.Task))
	})
	slices.SortFunc(out.Letters, func(a, b Letter) int {
		return cmp.Or(b.FailedAt.Compare(a.FailedAt), cmp.Compare(a.ID(), b.ID()))
	})
	return out, err
}

func count(counts map[Count]*Count, l Letter) {
	key := Count{Reason: l.Reason, Task: l.Task}
	c := counts[key]
	if c == nil {
		c = &Count{Reason: l.Reason, Task: l.Task, Oldest: l.FailedAt, Newest: l.FailedAt}
		counts[key] = c
	}
	c.Letters++
	if l.FailedAt.Before(c.Oldest) {
		c.Oldest = l.FailedAt
	}
	if l.FailedAt.After(c.Newest) {
		c.Newest = l.FailedAt
	}
}

// Find looks for the letter of a job, or by the message's ID where the message is malformed, and gives back all that it has
// looked at. The error is a [*NotFoundError] where there is none.
func (q *Queue) Find(ctx context.Context, id string) (Letter, error) {
	before, err := q.Depth(ctx)
	if err != nil {
		return Letter{}, err
	}
	var (
		mu    sync.Mutex
		found *Letter
	)
	w := &walk{queue: q, ask: maxBatch, count: walkers, done: func() bool {
		mu.Lock()
		defer mu.Unlock()
		return found != nil
	}}
	w.visit = func(_ context.Context, letters []held) error {
		mu.Lock()
		defer mu.Unlock()
		for _, l := range letters {
			if (Filter{ID: id}).Match(l.Letter) {
				found = &l.Letter
			}
		}
		return nil
	}
	switch err := w.run(ctx); {
	case found != nil:
		return *found, nil
	case err != nil:
		return Letter{}, err
	}
	return Letter{}, &NotFoundError{Queue: q.dead, ID: id, Hidden: before.Hidden}
}
