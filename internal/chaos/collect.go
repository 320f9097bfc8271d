package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/sqsqueue"
)

// A deed is one line of a worker's diary.
type deed struct {
	pid     int
	attempt int
	at      time.Time
	clock   time.Time // what the process's own clock said
}

// A job is all that is known of one job after a run.
type job struct {
	id, kind                   string
	accepted, unknown, refused bool
	cancelled                  time.Time // when a cancellation was answered
	cancelledAs                string    // with which state
	starts, ends               []deed    // in the order of time within each process
	reason                     string    // in the dead-letter queue
	letters                    int
	messages                   int // that carried it
	letterSent                 time.Time
	sentAgain                  time.Time // by a worker, to come later
	record                     *results.Record
}

// evidence is what the processes of a run left behind.
type evidence struct {
	jobs    map[string]*job
	deletes []deletion
	kills   map[int]time.Time // by process
	outages []interval
	steps   []interval
	missed  []interval // ticks that a scheduler has said it leaves out, from the first to the last
	ticking bool       // schedulers ran
	trouble []string   // in logs and exits
	// failedStarts are processes that gave up before they began, as they should when the queues can't be found.
	failedStarts int
	// cutShort are workers that were told to stop and could not reach the queues to the end, and said so.
	cutShort []string
}

// atStart reports whether a worker says that it could not begin, or was told to stop before it could listen.
func atStart(text string) bool {
	return strings.Contains(text, "ended by itself, signal: terminated") || strings.Contains(text, "core: find on queue") || strings.Contains(text, "core: read the settings on queue")
}

func (e *evidence) job(id string) *job {
	j, ok := e.jobs[id]
	if !ok {
		j = &job{id: id}
		e.jobs[id] = j
	}
	return j
}

// collect reads what is left when all is over.
func (w *world) collect(ctx context.Context) (*evidence, error) {
	e := &evidence{jobs: map[string]*job{}, kills: map[int]time.Time{}, outages: w.outages, steps: w.steps}
	err := errors.Join(w.readNotes(e), w.readDiaries(e), w.takeLetters(ctx), w.readRecords(ctx, e), w.readLogs(e), w.readTicks(e))
	for id, l := range w.letters {
		j := e.job(id)
		j.letters, j.reason = l.count, l.reason
	}
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	e.deletes = w.watch.deletes
	for id, messages := range w.watch.messages {
		e.job(id).messages = len(messages)
	}
	for id, at := range w.watch.letters {
		e.job(id).letterSent = at
	}
	for id, at := range w.watch.again {
		e.job(id).sentAgain = at
	}
	for _, s := range w.services() {
		s.mu.Lock()
		for pid, at := range s.kills {
			e.kills[pid] = at
		}
		for _, f := range s.failures {
			switch {
			case atStart(f):
				e.failedStarts++
			case strings.Contains(f, sqsqueue.ErrUnacknowledged.Error()):
				e.cutShort = append(e.cutShort, f)
			default:
				e.trouble = append(e.trouble, f)
			}
		}
		s.mu.Unlock()
	}
	return e, err
}

// lines calls each with the words of every line of the files that match.
func (w *world) lines(pattern string, each func(path string, words []string) error) error {
	paths, err := filepath.Glob(filepath.Join(w.Dir, pattern))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 0 {
				if err := each(path, words); err != nil {
					return fmt.Errorf("%s: line %q: %w", path, line, err)
				}
			}
		}
	}
	return nil
}

func (w *world) readNotes(e *evidence) error {
	return w.lines("producer-?", func(_ string, words []string) error {
		if words[0] == "try" || len(words) < 3 {
			return nil // the number, or a line that a kill or a full disk cut short
		}
		j := e.job(words[1])
		switch words[0] {
		case "accepted":
			j.kind, j.accepted = words[2], true
		case "unknown":
			j.kind, j.unknown = words[2], true
		case "refused":
			j.kind, j.refused = words[2], true
		case "cancel":
			var at int64
			if _, err := fmt.Sscan(words[3], &at); err != nil {
				return err
			}
			j.cancelled, j.cancelledAs = time.UnixMicro(at), words[2]
		}
		return nil
	})
}

func (w *world) readDiaries(e *evidence) error {
	return w.lines("diary-*", func(path string, words []string) error {
		var d deed
		var at, own int64
		if _, err := fmt.Sscan(strings.Join(words[2:], " "), &d.attempt, &at, &own); err != nil {
			return err
		}
		if _, err := fmt.Sscanf(filepath.Base(path), "diary-%d", &d.pid); err != nil {
			return err
		}
		d.at, d.clock = time.UnixMicro(at), time.UnixMicro(own)
		j := e.job(words[1])
		if words[0] == "start" {
			j.starts = append(j.starts, d)
		} else {
			j.ends = append(j.ends, d)
		}
		return nil
	})
}

func (w *world) readRecords(ctx context.Context, e *evidence) error {
	if !w.Store {
		return nil
	}
	store, err := sqlitestore.Open(w.storePath(), sqlitestore.Options{})
	if err != nil {
		return err
	}
	f := results.Filter{Limit: results.MaxPage}
	for {
		page, err := store.List(ctx, f)
		if err != nil {
			return errors.Join(err, store.Close())
		}
		for _, r := range page.Records {
			e.job(r.ID).record = &r
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return store.Close()
		}
	}
}

// readLogs looks for what no process may say.
func (w *world) readLogs(e *evidence) error {
	return w.lines("*.log", func(path string, words []string) error {
		line := strings.Join(words, " ")
		for _, bad := range []string{"panic: ", "fatal error: ", "DATA RACE", "goroutine 1 ["} {
			if strings.HasPrefix(line, bad) || strings.Contains(line, "WARNING: "+bad) {
				e.trouble = append(e.trouble, filepath.Base(path)+": "+line)
			}
		}
		return nil
	})
}
