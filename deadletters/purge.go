package deadletters

import (
	"context"
	"sync"
)

// Purge deletes the letters that match, one by one rather than by SQS's PurgeQueue: that takes up to a minute, in which
// it also deletes letters that come meanwhile, which nobody has looked at. It may be interrupted, and run again.
// With among, which is what [Queue.List] gave, only letters go that were there when somebody decided; nil means all. It returns how
// many were deleted.
func (q *Queue) Purge(ctx context.Context, f Filter, among []Letter, progress func(Progress)) (int, error) {
	var mu sync.Mutex
	seen := make(map[string]bool, len(among))
	for _, l := range among {
		seen[l.MessageID] = true
	}
	depth, err := q.Depth(ctx)
	if err != nil {
		return 0, err
	}
	total := Progress{Total: depth.Visible}
	w := &walk{queue: q, ask: maxBatch, count: walkers}
	w.visit = func(ctx context.Context, letters []held) error {
		match := make([]held, 0, len(letters))
		others := 0
		for _, l := range letters {
			if f.Match(l.Letter) && (among == nil || seen[l.MessageID]) {
				match = append(match, l)
			} else if !l.again {
				others++
			}
		}
		gone, err := w.remove(ctx, match)
		mu.Lock()
		defer mu.Unlock()
		total.Done += len(gone)
		total.Others += others
		if progress != nil {
			progress(total)
		}
		return err
	}
	err = w.run(ctx)
	return total.Done, err
}

// A Progress is how far a redrive or purge is.
type Progress struct {
	// Total is how many letters were visible when it began, as SQS counts: approximately.
	Total int
	// Done is how many were redriven or deleted.
	Done int
	// Others is how many were looked at and left: they do not match, or were refused.
	Others int
}
