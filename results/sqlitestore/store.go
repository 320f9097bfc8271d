// Package sqlitestore keeps job records in one SQLite file that any number of processes of one machine may use at once.
//
// Calls made at the same time share a commit, so many small changes are cheap. Commits are not flushed to the disk one by
// one (synchronous=NORMAL): the end of a process, kill -9 included, loses nothing, and a power cut can lose the last
// changes but never harms the file. That is enough for records, since the queue, not they, decides what still has to run.
//
// A file must lie on a local disk: network file systems don't share memory between machines, which SQLite's log needs.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/coretasks/core/internal/batch"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

// Options set up a [Store]; the zero value is ready to use.
type Options struct {
	// Retention is how long a record is kept after its last change. Default [results.DefaultRetention].
	Retention time.Duration
	// Wait is how long a call waits for other processes that are writing. Default 10 s.
	Wait time.Duration
	// Now is the clock by which records expire. Default time.Now.
	Now func() time.Time
	// Logger is told when the file was removed or replaced. Default slog.Default().
	Logger *slog.Logger
}

const defaultWait = 10 * time.Second

// Limits of one commit.
const (
	maxCalls = 256
	maxBytes = 8 << 20
)

// closeWait bounds how long Close waits for calls under way, beyond the wait for other processes.
const closeWait = 5 * time.Second

// A Store is a [results.Store] in a file. Make one with [Open].
//
// When the file is removed or replaced while it is in use, the next call goes on with the file that its path names then, a
// new one where there is none, and says so in [Options.Logger]. The records of the old one are gone.
type Store struct {
	path  string
	opts  Options
	rules transition.Rules
	calls *batch.Batcher[*call]

	mu     sync.RWMutex // held for reading while a call uses the file
	file   *file        // nil where it could not be opened again
	closed bool

	nextSweep time.Time // only commit uses it
}

var _ results.Store = (*Store)(nil)

// Open opens or creates a file; its directory must exist. Only its owner can read a file that is created here. Errors are
// [*FileError].
func Open(path string, opts Options) (*Store, error) {
	if opts.Wait <= 0 {
		opts.Wait = defaultWait
	}
	rules := transition.Rules{Retention: opts.Retention, Now: opts.Now}.WithDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	s := &Store{path: path, opts: opts, rules: rules}
	var err error
	if s.file, err = openFile(path, opts.Wait); err != nil {
		return nil, s.explain(err)
	}
	// One batch at a time, since SQLite has one writer; what comes meanwhile is the next.
	s.calls = batch.New(batch.Config[*call]{
		Handle: s.commit, MaxCount: maxCalls, MaxBytes: maxBytes, Size: func(c *call) int { return c.size }, InFlight: 1, Eager: 1,
	})
	return s, nil
}

// A call is one transition that waits for its commit, or, with swap, a schedule's claim.
type call struct {
	swap *claimSwap

	id   string
	step transition.Step
	size int

	// What came of it, to be read when the commit has succeeded.
	record results.Record
	told   error
	damage error
}

func (s *Store) do(ctx context.Context, c *call) (results.Record, error) {
	if err := s.calls.Do(ctx, c); err != nil {
		return results.Record{}, s.explain(err)
	}
	return c.record, c.told
}

// Enqueue implements [results.Store].
func (s *Store) Enqueue(ctx context.Context, records []results.Record) []error {
	errs := make([]error, len(records))
	calls := make([]*call, 0, len(records))
	index := make([]int, 0, len(records))
	failed := false
	for i, r := range records {
		r, err := s.rules.CleanRecord(r)
		if err != nil {
			errs[i], failed = err, true
			continue
		}
		calls, index = append(calls, &call{id: r.ID, step: s.rules.Enqueue(r)}), append(index, i)
	}
	for i, err := range s.calls.DoAll(ctx, calls) {
		if err != nil {
			errs[index[i]], failed = s.explain(err), true
		}
	}
	if !failed {
		return nil
	}
	return errs
}

// Start implements [results.Store].
func (s *Store) Start(ctx context.Context, start results.Start) (results.Record, error) {
	start, err := s.rules.CleanStart(start)
	if err != nil {
		return results.Record{}, err
	}
	r, err := s.do(ctx, &call{id: start.ID, step: s.rules.Start(start)})
	if err != nil {
		return results.Record{}, err
	}
	return r, nil
}

// Progress implements [results.Store].
func (s *Store) Progress(ctx context.Context, id string, attempt int, fraction float64, text string, at time.Time) error {
	p := s.rules.CleanProgress(transition.Progress{ID: id, Attempt: attempt, Fraction: fraction, Text: text, At: at})
	_, err := s.do(ctx, &call{id: id, step: s.rules.Progress(p)})
	return err
}

// End implements [results.Store].
func (s *Store) End(ctx context.Context, end results.End) error {
	end, err := s.rules.CleanEnd(end)
	if err != nil {
		return err
	}
	_, err = s.do(ctx, &call{id: end.ID, step: s.rules.End(end), size: len(end.Result) + len(end.Error)})
	return err
}

// Cancel implements [results.Store].
func (s *Store) Cancel(ctx context.Context, id string, at time.Time) (results.Record, error) {
	r, err := s.do(ctx, &call{id: id, step: s.rules.Cancel(id, s.rules.CleanTime(at))})
	if err != nil {
		return results.Record{}, err
	}
	return r, nil
}

// Requeue implements [results.Store].
func (s *Store) Requeue(ctx context.Context, q results.Requeue) (results.Record, error) {
	r, err := s.do(ctx, &call{id: q.ID, step: s.rules.Requeue(s.rules.CleanRequeue(q))})
	if err != nil {
		return results.Record{}, err
	}
	return r, nil
}

// use returns the file for one call, to be followed by done. It opens the file anew where it is no longer the one that the
// path names.
func (s *Store) use() (f *file, done func(), err error) {
	for {
		s.mu.RLock()
		switch {
		case s.closed:
			s.mu.RUnlock()
			return nil, nil, &FileError{s.path, "it was used after its store was closed", ErrClosed}
		case s.file != nil && !s.file.moved():
			return s.file, s.mu.RUnlock, nil
		}
		s.mu.RUnlock()
		if err := s.reopen(); err != nil {
			return nil, nil, s.explain(err)
		}
	}
}

func (s *Store) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.file != nil && !s.file.moved() { // another call was quicker
		return nil
	}
	if s.file != nil {
		s.opts.Logger.Error("the results file was removed or replaced while in use; its records are gone, and new ones go into the file that is there now",
			"file", s.path)
		_ = s.file.close() // nobody can read it any more
		s.file = nil
	}
	var err error
	s.file, err = openFile(s.path, s.opts.Wait)
	return err
}

// Ping implements [results.Store].
func (s *Store) Ping(ctx context.Context) error {
	f, done, err := s.use()
	if err != nil {
		return err
	}
	defer done()
	var one int
	err = f.reader.QueryRowContext(ctx, "SELECT 1 FROM jobs LIMIT 1").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return s.explain(err)
}

// Close lets calls under way end, and closes the file. Calls that come later get [ErrClosed]. Closing twice is fine.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Wait+closeWait)
	defer cancel()
	err := s.calls.Close(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.file
	s.file, s.closed = nil, true
	if f == nil {
		return s.explain(err)
	}
	return errors.Join(s.explain(err), s.explain(f.close()))
}
