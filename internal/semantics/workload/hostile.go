package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coretasks/core/tasks"
)

// Tasks whose authors' code panics where nobody expects it, by where that is.
var (
	// TypedNil returns a nil pointer as an error, which panics when it is asked what it says.
	TypedNil = tasks.Define("typed-nil", func(ctx context.Context, p Params) (int, error) {
		_, err := Note(ctx, p, Entry{})
		var none *codeError
		return 0, errors.Join(err, none)
	}, tasks.MaxRetries(1))
	// Hostile returns an error that panics when it is asked what it wraps.
	Hostile = tasks.Define("hostile", func(ctx context.Context, p Params) (int, error) {
		_, err := Note(ctx, p, Entry{})
		return 0, errors.Join(err, hostileError{})
	}, tasks.MaxRetries(1))
	// Joined returns a permanent failure together with one that may pass.
	Joined = tasks.Define("joined", func(ctx context.Context, p Params) (int, error) {
		_, err := Note(ctx, p, Entry{})
		return 0, errors.Join(err, ErrBroken, tasks.Permanent(errors.New("no such user")))
	}, tasks.MaxRetries(1))
	// Dated has parameters that panic when they are read from anything but a string.
	Dated = tasks.Define("dated", func(ctx context.Context, p DatedParams) (int, error) {
		_, err := Note(ctx, Params{Diary: p.Diary}, Entry{})
		return 0, err
	}, tasks.MaxRetries(1))
	// Unwritable has a result that panics when it is written.
	Unwritable = tasks.Define("unwritable", func(ctx context.Context, p Params) (unwritable, error) {
		_, err := Note(ctx, p, Entry{})
		return unwritable{N: 1}, err
	}, tasks.MaxRetries(1))
	// Unrecorded is a task for which the recorder panics.
	Unrecorded = tasks.Define("unrecorded", func(ctx context.Context, p Params) (int, error) {
		tasks.Progress(ctx, 0.5, "half \x1b[31m\xff")
		_, err := Note(ctx, p, Entry{})
		return 0, err
	}, tasks.MaxRetries(1))
)

// DatedParams is what Dated takes.
type DatedParams struct {
	Diary string `json:"diary"`
	Due   Date   `json:"due"`
}

// A Date reads itself in a way that is often seen.
type Date struct{ time.Time }

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Date) UnmarshalJSON(b []byte) (err error) {
	d.Time, err = time.Parse(time.DateOnly, string(b[1:len(b)-1]))
	return err
}

// MarshalJSON implements [json.Marshaler].
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.Format(time.DateOnly)) }

type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprint("code ", e.code) }

type hostileError struct{}

func (hostileError) Error() string { return "hostile" }
func (hostileError) Unwrap() error { panic("nothing is wrapped") }

type unwritable struct{ N int }

// MarshalJSON panics for all but the zero value.
func (u unwritable) MarshalJSON() ([]byte, error) {
	if u.N != 0 {
		panic("no words for it")
	}
	return []byte(`{"N":0}`), nil
}

// Recorder keeps no records. It panics for Unrecorded; that it is there has results written.
type Recorder struct{}

// Start implements [tasks.Recorder].
func (Recorder) Start(_ context.Context, a tasks.Attempt, _ context.CancelCauseFunc) (int, error) {
	panicFor(a)
	return 0, nil
}

// Progress implements [tasks.Recorder].
func (Recorder) Progress(a tasks.Attempt, _ float64, _ string) { panicFor(a) }

// End implements [tasks.Recorder].
func (Recorder) End(_ context.Context, o tasks.Outcome) { panicFor(o.Attempt) }

func panicFor(a tasks.Attempt) {
	if a.Task == Unrecorded.Name() {
		panic("no record of this")
	}
}
