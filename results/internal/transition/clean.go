package transition

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coretasks/core/results"
)

// What a record's texts are cut to, in bytes, so that none of them makes a record too large for DynamoDB.
const (
	MaxID       = 512
	maxError    = 16 << 10
	maxReason   = 256
	maxProgress = 1 << 10
)

// maxMilli is the latest time that records keep, in the year 2286: 13 digits, so that times order as texts too.
const maxMilli = 9_999_999_999_999

// Progress is what results.Store.Progress is given.
type Progress struct {
	ID       string
	Attempt  int
	Fraction float64
	Text     string
	At       time.Time
}

// ValidID reports whether a job may have this ID.
func ValidID(id string) bool { return id != "" && len(id) <= MaxID && utf8.ValidString(id) }

func checkID(id string) error {
	if ValidID(id) {
		return nil
	}
	return fmt.Errorf("%w: the job ID %.40q is not 1 to %d bytes of UTF-8", results.ErrInvalid, id, MaxID)
}

// CleanRecord makes a queued record of one that is to be enqueued.
func (k Rules) CleanRecord(r results.Record) (results.Record, error) {
	if err := checkID(r.ID); err != nil {
		return r, err
	}
	n := results.Record{
		ID: r.ID, Task: valid(r.Task), Queue: valid(r.Queue), State: results.Queued, EnqueuedAt: k.stamp(r.EnqueuedAt),
	}
	k.changed(&n, n.EnqueuedAt)
	return n, nil
}

// CleanStart checks a start and gives its times the precision of records.
func (k Rules) CleanStart(s results.Start) (results.Start, error) {
	if err := checkID(s.ID); err != nil {
		return s, err
	}
	s.At, s.EnqueuedAt = k.times(s.At, s.EnqueuedAt)
	s.Task, s.Queue = valid(s.Task), valid(s.Queue)
	return s, nil
}

// CleanProgress checks a progress, puts its fraction between 0 and 1 and shortens its text.
func (k Rules) CleanProgress(p Progress) Progress {
	switch {
	case math.IsNaN(p.Fraction), p.Fraction <= 0:
		p.Fraction = 0
	default: // six digits are more than anybody sees
		p.Fraction = math.Round(min(p.Fraction, 1)*1e6) / 1e6
	}
	p.Text, p.At = shorten(p.Text, maxProgress), k.stamp(p.At)
	return p
}

// CleanEnd checks an end and drops what its state has no use for.
func (k Rules) CleanEnd(e results.End) (results.End, error) {
	if err := checkID(e.ID); err != nil {
		return e, err
	}
	e.At, e.EnqueuedAt = k.times(e.At, e.EnqueuedAt)
	e.Task, e.Queue = valid(e.Task), valid(e.Queue)
	e.Reason, e.Error = shorten(e.Reason, maxReason), shorten(e.Error, maxError)
	switch {
	case e.State == results.Retrying:
		e.RetryAt = k.stamp(e.RetryAt)
	case e.State.Final(), e.State == results.Queued:
		e.RetryAt = time.Time{}
	default:
		return e, fmt.Errorf("%w: an attempt can't end as %q", results.ErrInvalid, e.State)
	}
	if e.State != results.Succeeded || len(e.Result) == 0 {
		e.Result = nil
	} else if !json.Valid(e.Result) {
		return e, fmt.Errorf("%w: the result of job %q is no JSON", results.ErrInvalid, e.ID)
	}
	return e, nil
}

// CleanRequeue checks a requeue and gives its times the precision of records.
func (k Rules) CleanRequeue(q results.Requeue) results.Requeue {
	q.At = k.stamp(q.At)
	if !q.DiedBy.IsZero() {
		q.DiedBy = k.stamp(q.DiedBy)
	}
	return q
}

// CleanTime is CleanStart for a cancellation.
func (k Rules) CleanTime(at time.Time) time.Time { return k.stamp(at) }

// times are when something happened, and when its job was enqueued, which is not known to some callers.
func (k Rules) times(at, enqueued time.Time) (time.Time, time.Time) {
	at = k.stamp(at)
	if enqueued.IsZero() {
		return at, at
	}
	return at, k.stamp(enqueued)
}

// stamp gives a time a record's precision; a time that was not given is now.
func (k Rules) stamp(t time.Time) time.Time {
	if t.IsZero() {
		t = k.Now()
	}
	return time.UnixMilli(min(max(t.UnixMilli(), 0), maxMilli)).UTC()
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func shorten(text string, limit int) string {
	text = valid(text)
	if len(text) <= limit {
		return text
	}
	cut := limit - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
