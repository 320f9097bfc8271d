package transition

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/coretasks/core/results"
)

// A Position is a record's place in a listing: newest first, and of those enqueued in the same millisecond the greatest ID
// first. A record keeps it for life, so a page begins where the last one ended whatever has changed in between.
type Position struct {
	EnqueuedAt time.Time
	ID         string
}

// PositionOf returns a record's place.
func PositionOf(r results.Record) Position { return Position{r.EnqueuedAt, r.ID} }

const cursorVersion = 1

// Cursor is the position as text, good for one filter only.
func (p Position) Cursor(f results.Filter) string {
	raw := append([]byte{cursorVersion}, filterHash(f)...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.EnqueuedAt.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.ID...))
}

func filterHash(f results.Filter) []byte {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %q", f.Task, f.State) // a hash takes all
	return h.Sum(nil)
}

// CleanFilter checks a filter, sets its limit, and reads its cursor, which is nil for the first page.
func CleanFilter(f results.Filter) (results.Filter, *Position, error) {
	if f.State != "" && !slices.Contains(results.States(), f.State) {
		return f, nil, fmt.Errorf("%w: %q is no state; use one of %q", results.ErrInvalid, f.State, results.States())
	}
	switch {
	case f.Limit == 0:
		f.Limit = results.DefaultPage
	case f.Limit < 0 || f.Limit > results.MaxPage:
		return f, nil, fmt.Errorf("%w: a page of %d records; use 1 to %d", results.ErrInvalid, f.Limit, results.MaxPage)
	}
	if f.Cursor == "" {
		return f, nil, nil
	}
	const head = 1 + 8 + 8
	raw, err := base64.RawURLEncoding.Strict().DecodeString(f.Cursor)
	if err != nil || len(raw) <= head || raw[0] != cursorVersion || !slices.Equal(raw[1:9], filterHash(f)) {
		return f, nil, results.ErrInvalidCursor
	}
	milli := binary.BigEndian.Uint64(raw[9:head])
	p := &Position{ID: string(raw[head:])}
	if milli > maxMilli || !ValidID(p.ID) {
		return f, nil, results.ErrInvalidCursor
	}
	p.EnqueuedAt = time.UnixMilli(int64(milli)).UTC()
	if p.Cursor(f) != f.Cursor { // the decoder passes over line breaks
		return f, nil, results.ErrInvalidCursor
	}
	return f, p, nil
}
