package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

// ledger is a Recorder that answers as it is told and keeps what it hears.
type ledger struct {
	runs   int
	start  error
	cancel bool
	heard  []string
}

func (l *ledger) Start(_ context.Context, a tasks.Attempt, cancel context.CancelCauseFunc) (int, error) {
	l.heard = append(l.heard, fmt.Sprintf("start %s %d", a.ID, a.Deliveries))
	if l.cancel {
		cancel(tasks.ErrCancelled)
	}
	return l.runs, l.start
}

func (l *ledger) Progress(a tasks.Attempt, fraction float64, text string) {
	l.heard = append(l.heard, fmt.Sprintf("progress %s %v %s", a.ID, fraction, text))
}

func (l *ledger) End(ctx context.Context, o tasks.Outcome) {
	if ctx.Err() != nil {
		l.heard = append(l.heard, "end with an ended context")
	}
	l.heard = append(l.heard, fmt.Sprintf("end %v cancelled %v", o.Verdict, o.Cancelled))
}

func TestTheRecorderHasAWord(t *testing.T) {
	t.Parallel()
	failing := func(ctx context.Context, _ none) (none, error) {
		tasks.Progress(ctx, 1.5, "nearly")
		return none{}, errors.New("broken")
	}
	obeying := func(ctx context.Context, _ none) (none, error) {
		<-ctx.Done()
		return none{}, context.Cause(ctx)
	}
	for name, tc := range map[string]struct {
		fn      func(context.Context, none) (none, error)
		ledger  ledger
		attempt int
		verdict tasks.Verdict
		reason  tasks.Reason
		heard   []string
	}{
		"deliveries that came to nothing cost no retry": {
			fn: failing, ledger: ledger{runs: 2}, attempt: 7, verdict: tasks.Retry, reason: tasks.ReasonExhausted,
			heard: []string{"start job-1 7", "progress job-1 1 nearly", "end retry cancelled false"},
		},
		"runs do": {
			fn: failing, ledger: ledger{runs: 3}, attempt: 3, verdict: tasks.Dead, reason: tasks.ReasonExhausted,
			heard: []string{"start job-1 3", "progress job-1 1 nearly", "end dead cancelled false"},
		},
		"without an answer deliveries count": {
			fn: failing, ledger: ledger{start: errors.New("down")}, attempt: 3, verdict: tasks.Dead, reason: tasks.ReasonExhausted,
			heard: []string{"start job-1 3", "progress job-1 1 nearly", "end dead cancelled false"},
		},
		"a finished job is skipped": {
			fn: failing, ledger: ledger{start: fmt.Errorf("x: %w", tasks.ErrSkip)}, attempt: 2, verdict: tasks.Done,
			heard: []string{"start job-1 2"},
		},
		"a dead one is dead-lettered again": {
			fn: failing, ledger: ledger{start: &tasks.DeadError{Record: tasks.Record{Reason: "permanent", Error: "no such user"}}},
			attempt: 2, verdict: tasks.Dead, reason: tasks.ReasonPermanent, heard: []string{"start job-1 2"},
		},
		"a cancelled one is done": {
			fn: obeying, ledger: ledger{runs: 1, cancel: true}, attempt: 1, verdict: tasks.Done,
			heard: []string{"start job-1 1", "end done cancelled true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := tc.ledger
			out := deliver(t, t.Context(), tc.attempt, tasks.ExecutorConfig{Logger: quiet.Logger, Recorder: &l}, tasks.Define("t", tc.fn, tasks.MaxRetries(2)))
			if out.Verdict != tc.verdict || out.Reason != tc.reason {
				t.Errorf("verdict %v, reason %q (%v); want %v, %q", out.Verdict, out.Reason, out.Err, tc.verdict, tc.reason)
			}
			if fmt.Sprint(l.heard) != fmt.Sprint(tc.heard) {
				t.Errorf("the recorder heard %q\nwant %q", l.heard, tc.heard)
			}
		})
	}
}

func TestTheRecorderHearsOfAnInterruptedRun(t *testing.T) {
	t.Parallel()
	l := &ledger{runs: 1}
	ctx, cancel := context.WithCancelCause(t.Context())
	task := tasks.Define("t", func(ctx context.Context, _ none) (none, error) {
		cancel(tasks.ErrShutdown)
		<-ctx.Done()
		return none{}, ctx.Err()
	})
	out := deliver(t, ctx, 1, tasks.ExecutorConfig{Logger: quiet.Logger, Recorder: l}, task)
	if out.Verdict != tasks.GiveBack || fmt.Sprint(l.heard) != "[start job-1 1 end give back cancelled false]" {
		t.Errorf("verdict %v, heard %q", out.Verdict, l.heard)
	}
}

// shelf has records that change with each look.
type shelf struct {
	looks   int
	records []tasks.Record
	err     error
}

func (s *shelf) Get(context.Context, string) (tasks.Record, error) {
	if s.err != nil {
		return tasks.Record{}, s.err
	}
	r := s.records[min(s.looks, len(s.records)-1)]
	r.UpdatedAt = time.UnixMilli(int64(min(s.looks, len(s.records)-1)) + 1)
	s.looks++
	return r, nil
}

func TestResult(t *testing.T) {
	t.Parallel()
	down := errors.New("store is down")
	task := tasks.Define("sum", func(context.Context, none) (int, error) { return 0, nil })
	record := func(state tasks.State, result string) tasks.Record {
		return tasks.Record{ID: "j", Task: "sum", State: state, Result: json.RawMessage(result), Reason: "exhausted", Error: "broken"}
	}
	for name, tc := range map[string]struct {
		shelf  shelf
		want   int
		err    error
		errMsg string
	}{
		"succeeded":       {shelf: shelf{records: []tasks.Record{record(tasks.Succeeded, "42")}}, want: 42},
		"running":         {shelf: shelf{records: []tasks.Record{record(tasks.Running, "")}}, err: tasks.ErrNotFinished, errMsg: `job "j": the job is not finished (running)`},
		"cancelled":       {shelf: shelf{records: []tasks.Record{record(tasks.Cancelled, "")}}, err: tasks.ErrCancelled, errMsg: `job "j": the job was cancelled`},
		"dead":            {shelf: shelf{records: []tasks.Record{record(tasks.StateDead, "")}}, errMsg: `job "j" of task "sum" is dead (exhausted): broken`},
		"too large":       {shelf: shelf{records: []tasks.Record{record(tasks.Succeeded, "")}}, errMsg: `job "j" succeeded, but its result is not kept: broken`},
		"of another type": {shelf: shelf{records: []tasks.Record{record(tasks.Succeeded, `"x"`)}}, errMsg: `result of job "j" must be a whole number, not a JSON string`},
		"of another task": {shelf: shelf{records: []tasks.Record{{ID: "j", Task: "other", State: tasks.Succeeded}}}, errMsg: `job "j" is one of task "other", not of "sum"`},
		"no store":        {shelf: shelf{err: down}, err: down, errMsg: "store is down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := task.Result(t.Context(), &tc.shelf, "j")
			if got != tc.want || (err == nil) != (tc.errMsg == "") || err != nil && err.Error() != tc.errMsg || tc.err != nil && !errors.Is(err, tc.err) {
				t.Errorf("got %v, %v; want %v, %q", got, err, tc.want, tc.errMsg)
			}
		})
	}
}

// TestABodyThatIsNoEnvelopeHasNoRecord, whatever job it names: the job may be another message's, and well.
func TestABodyThatIsNoEnvelopeHasNoRecord(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	r := tasks.NewRegistry(tasks.Define("a", ok))
	e, err := tasks.NewExecutor(r, tasks.ExecutorConfig{Logger: quiet.Logger, Recorder: k})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{"v":1,"id":"j","task":"a","params":{},"enqueued_at":7}`, `{"v":1,"id":"j","task":"a"}`, `{"v":0,"id":"j","task":"a","params":{}}`,
	} {
		out := e.Execute(t.Context(), tasks.Delivery{Body: body, Attempt: 1})
		if out.Verdict != tasks.Dead || out.Reason != tasks.ReasonMalformed || out.Attempt.ID != "j" || len(k.ends) > 0 {
			t.Errorf("%s: %v, %v of job %q, recorded %+v", body, out.Verdict, out.Reason, out.Attempt.ID, k.ends)
		}
	}
}
