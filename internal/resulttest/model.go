package resulttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coretasks/core/results"
)

// event is one call of a random history. Of one job there are several attempts, and calls of all of them arrive late,
// twice, and in any order; so do their times.
type event struct {
	Kind    string
	Attempt int
	State   results.State // of an end
	Ms      int
	// Former ends an attempt from before all requeues, Lagging requeues a job whose record says that it is alive.
	Former, Lagging bool
}

func events() *rapid.Generator[[]event] {
	one := rapid.Custom(func(t *rapid.T) event {
		e := event{
			Kind:    rapid.SampledFrom([]string{"enqueue", "start", "start", "progress", "end", "end", "end", "cancel", "requeue", "requeue"}).Draw(t, "kind"),
			Attempt: rapid.IntRange(1, 3).Draw(t, "attempt"),
			Ms:      rapid.IntRange(0, 5).Draw(t, "ms"),
			Former:  rapid.Bool().Draw(t, "former"),
			Lagging: rapid.Bool().Draw(t, "lagging"),
		}
		if e.Kind == "end" { // more often one that leaves something to happen
			e.State = rapid.SampledFrom([]results.State{
				results.Retrying, results.Retrying, results.Queued, results.Queued, results.Succeeded, results.Dead, results.Cancelled,
			}).Draw(t, "state")
		}
		return e
	})
	return rapid.SliceOfN(one, 1, 12)
}

// model says what becomes of one job, in the words of results.Store's comments.
type model struct {
	exists bool
	r      results.Record
}

func (m *model) stamp(at time.Time) {
	m.r.UpdatedAt, m.r.ExpiresAt = at, ceil(at.Add(results.DefaultRetention))
}

func (m *model) create(e env, id string) {
	if !m.exists {
		m.exists = true
		m.r = results.Record{ID: id, Task: "reports.generate", Queue: "default", State: results.Queued, EnqueuedAt: e.base}
	}
}

func (m *model) finish(state results.State, at time.Time) {
	m.r.State, m.r.FinishedAt, m.r.CancelRequested, m.r.RetryAt = state, at, false, time.Time{}
	m.stamp(at)
}

// apply returns the error that the store must return.
func (m *model) apply(e env, id string, ev event) error {
	at := e.at(ev.Ms)
	switch ev.Kind {
	case "enqueue":
		if !m.exists {
			m.create(e, id)
			m.stamp(e.base)
		}
		return nil
	case "start":
		return m.start(e, id, ev.Attempt, at)
	case "progress":
		switch {
		case !m.exists:
			return results.ErrNotFound
		case m.r.State != results.Running, m.r.Attempt != ev.Attempt:
			return results.ErrStale
		}
		m.r.Progress, m.r.ProgressText = float64(ev.Ms)/10, fmt.Sprint(ev.Ms)
		m.stamp(at)
		return nil
	case "cancel":
		return m.cancel(at)
	case "requeue":
		return m.requeue(ev, at)
	}
	return m.end(e, id, ev, at)
}

func (m *model) start(e env, id string, attempt int, at time.Time) error {
	m.create(e, id)
	repeated := m.r.State == results.Running && m.r.Attempt == attempt && m.r.StartedAt.Equal(at)
	switch {
	case m.r.State.Final():
		return results.ErrFinished
	case repeated:
		return nil
	case m.r.CancelRequested:
		m.finish(results.Cancelled, at)
		return results.ErrFinished
	case m.r.State == results.Running && attempt <= m.r.Attempt && at.Sub(m.r.StartedAt) < time.Hour:
		return results.ErrRunning
	}
	m.r.State, m.r.StartedAt, m.r.RetryAt, m.r.Progress, m.r.ProgressText = results.Running, at, time.Time{}, 0, ""
	m.r.Attempt = max(m.r.Attempt, attempt)
	m.r.Runs++
	m.stamp(at)
	return nil
}

func (m *model) requeue(ev event, at time.Time) error {
	switch {
	case !m.exists:
		return results.ErrNotFound
	case m.r.State == results.Queued && m.r.Attempt == 0:
		return nil
	case m.r.State == results.Succeeded, m.r.State == results.Cancelled:
		return results.ErrFinished
	case m.r.State != results.Dead && (!ev.Lagging || m.r.StartedAt.After(at)):
		return results.ErrActive
	case m.r.CancelRequested:
		m.finish(results.Cancelled, at)
		return results.ErrFinished
	}
	m.r = results.Record{
		ID: m.r.ID, Task: m.r.Task, Queue: m.r.Queue, EnqueuedAt: m.r.EnqueuedAt, State: results.Queued,
		Requeues: m.r.Requeues + 1, Error: m.r.Error,
	}
	m.stamp(at)
	return nil
}

func (m *model) cancel(at time.Time) error {
	switch {
	case !m.exists:
		return results.ErrNotFound
	case m.r.State == results.Cancelled && m.r.FinishedAt.Equal(at): // repeated
		return nil
	case m.r.State.Final():
		return results.ErrFinished
	case m.r.State == results.Running:
		if !m.r.CancelRequested {
			m.r.CancelRequested = true
			m.stamp(at)
		}
		return nil
	}
	m.finish(results.Cancelled, at)
	return nil
}

func (m *model) end(e env, id string, ev event, at time.Time) error {
	known := m.exists && ev.Attempt <= m.r.Attempt // the store knows that this attempt began
	latest := !m.exists || ev.Attempt >= m.r.Attempt
	given := endOf(e, id, ev)
	former := ev.Former && m.exists && m.r.Requeues > 0
	switch {
	case m.exists && m.r.State == ev.State && m.r.UpdatedAt.Equal(at) && m.repeats(ev, given):
		return nil
	case m.exists && m.r.State == results.Dead && ev.State == results.Succeeded: // the work is done all the same
	case m.exists && m.r.State.Final():
		return results.ErrFinished
	case ev.State == results.Succeeded: // of any attempt
	case former, !latest:
		return results.ErrStale
	case !ev.State.Final() && known && m.r.State != results.Running:
		return results.ErrStale
	}
	m.create(e, id)
	if former {
		known = true // and so not counted
	} else {
		m.r.Attempt = max(m.r.Attempt, ev.Attempt)
	}
	if ev.State == results.Queued && known {
		m.r.Runs--
	}
	if ev.State != results.Queued && !known {
		m.r.Runs++
	}
	if ev.State.Final() {
		m.finish(ev.State, at)
		m.r.Result, m.r.Reason, m.r.Error = given.Result, given.Reason, given.Error
		return nil
	}
	m.r.State, m.r.RetryAt = ev.State, given.RetryAt
	if ev.State == results.Retrying {
		m.r.Reason, m.r.Error = given.Reason, given.Error
	}
	m.stamp(at)
	return nil
}

func (m *model) repeats(ev event, given results.End) bool {
	if !ev.State.Final() {
		return m.r.Attempt == ev.Attempt && m.r.RetryAt.Equal(given.RetryAt)
	}
	return m.r.Attempt >= ev.Attempt && bytes.Equal(m.r.Result, given.Result) && m.r.Reason == given.Reason && m.r.Error == given.Error
}

func endOf(e env, id string, ev event) results.End {
	end := results.End{
		ID: id, Attempt: ev.Attempt, State: ev.State, At: e.at(ev.Ms), Task: "reports.generate", Queue: "default", EnqueuedAt: e.base,
		Requeues: results.RequeuesUnknown,
	}
	if ev.Former {
		end.Requeues = 0
	}
	switch ev.State {
	case results.Succeeded:
		end.Result = json.RawMessage(fmt.Sprintf(`{"attempt":%d}`, ev.Attempt))
	case results.Retrying:
		end.RetryAt, end.Error = end.At.Add(time.Second), fmt.Sprintf("attempt %d failed", ev.Attempt)
	case results.Dead:
		end.Reason, end.Error = "permanent", fmt.Sprintf("attempt %d died", ev.Attempt)
	default:
	}
	return end
}

// do carries an event out on the store.
func do(e env, id string, ev event) error {
	ctx := e.t.Context()
	switch ev.Kind {
	case "enqueue":
		for _, err := range e.Enqueue(ctx, []results.Record{{ID: id, Task: "reports.generate", Queue: "default", EnqueuedAt: e.base}}) {
			return err
		}
		return nil
	case "start":
		_, err := e.start(id, ev.Attempt, ev.Ms)
		return err
	case "progress":
		return e.Store.Progress(ctx, id, ev.Attempt, float64(ev.Ms)/10, fmt.Sprint(ev.Ms), e.at(ev.Ms))
	case "cancel":
		_, err := e.Cancel(ctx, id, e.at(ev.Ms))
		return err
	case "requeue":
		q := results.Requeue{ID: id, At: e.at(ev.Ms)}
		if ev.Lagging {
			q.DiedBy = q.At
		}
		_, err := e.Requeue(ctx, q)
		return err
	}
	return e.End(ctx, endOf(e, id, ev))
}

// testTransitions compares the store with the model after every call, whatever the history.
func testTransitions(t *testing.T, h Harness) {
	e := h.env(t)
	rapid.Check(t, func(rt *rapid.T) {
		id, m, history := newID(), &model{}, []string{}
		var before results.Record
		for _, ev := range events().Draw(rt, "events") {
			history = append(history, fmt.Sprintf("%+v", ev))
			want, got := m.apply(e, id, ev), do(e, id, ev)
			if want == nil && got != nil || !errors.Is(got, want) {
				rt.Fatalf("%s:\nerror %v, want %v", strings.Join(history, "\n"), got, want)
			}
			r, err := e.Get(t.Context(), id)
			if !m.exists {
				if !errors.Is(err, results.ErrNotFound) {
					rt.Fatalf("%s:\n%+v, %v, want none", strings.Join(history, "\n"), r, err)
				}
				continue
			}
			if err != nil || !reflect.DeepEqual(r, m.r) {
				rt.Fatalf("%s:\n%+v, %v, want\n%+v", strings.Join(history, "\n"), r, err, m.r)
			}
			// What no history may do, whatever the model says.
			switch {
			case before.State.Final() && !reflect.DeepEqual(r, before) &&
				(before.State != results.Dead || ev.Kind != "requeue" && r.State != results.Succeeded):
				rt.Fatalf("%s:\na final record changed:\n%+v\n%+v", strings.Join(history, "\n"), before, r)
			case r.Requeues < before.Requeues, r.Requeues == before.Requeues && r.Attempt < before.Attempt, r.Runs < 0, r.State.Final() != !r.FinishedAt.IsZero(), r.State.Final() && r.CancelRequested:
				rt.Fatalf("%s:\n%+v", strings.Join(history, "\n"), r)
			}
			before = r
		}
	})
}
