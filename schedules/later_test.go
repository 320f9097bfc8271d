package schedules_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func later(t *testing.T, api schedules.API, app string) *schedules.Later {
	t.Helper()
	l, err := schedules.NewLater(api, schedules.Config{Application: app, RoleARN: role})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// kept are the names of the one-time schedules.
func (w *world) kept(t *testing.T) []string {
	t.Helper()
	out, err := w.api.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String(w.app + "-later")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range out.Schedules {
		names = append(names, aws.ToString(s.Name))
	}
	return names
}

func TestLater(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		w.manager(t, tasks.NewRegistry(periodic("any", tasks.Every(time.Hour))), w.api) // the queues
		l := later(t, w.api, w.app)
		if err := l.Drop(t.Context(), "nobody"); err != nil {
			t.Errorf("dropping where nothing was ever kept: %v", err)
		}
		if w.noGroup {
			if _, err := w.api.CreateScheduleGroup(t.Context(), &scheduler.CreateScheduleGroupInput{Name: aws.String(w.app + "-later")}); err != nil {
				t.Fatal(err)
			}
		}
		queue, err := w.client.ARN(t.Context(), "default")
		if err != nil {
			t.Fatal(err)
		}
		due := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Minute).Add(30 * time.Second)
		job := sqsqueue.LaterJob{ID: "j-1", QueueARN: queue, Body: `{"a":"<aws.scheduler.execution-id>"}`, Due: due}
		for range 2 { // again is no error
			if err := l.Keep(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		get := func() *scheduler.GetScheduleOutput {
			t.Helper()
			s, err := w.api.GetSchedule(t.Context(), &scheduler.GetScheduleInput{GroupName: aws.String(w.app + "-later"), Name: aws.String("j-1")})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := get()
		if got, want := aws.ToString(s.ScheduleExpression), due.Add(-90*time.Second).Format("at(2006-01-02T15:04:05)"); got != want {
			t.Errorf("due %v it is %s, want %s", due, got, want)
		}
		if aws.ToString(s.Target.Arn) != queue || aws.ToString(s.Target.DeadLetterConfig.Arn) != queue+"-dlq" || s.ActionAfterCompletion != types.ActionAfterCompletionDelete ||
			aws.ToString(s.Target.Input) != `{"a":"\u003caws.scheduler.execution-id>"}` {
			t.Errorf("the schedule is %+v, its target %+v", s, s.Target)
		}
		job.Due = due.Add(time.Hour)
		if err := l.Keep(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		if got, want := aws.ToString(get().ScheduleExpression), due.Add(time.Hour-90*time.Second).Format("at(2006-01-02T15:04:05)"); got != want {
			t.Errorf("kept again for another time it is %s, want %s", got, want)
		}
		job.ID = strings.Repeat("x", 60) + "@/+~ #"
		if err := l.Keep(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		job.ID, job.Body = "big", `"`+strings.Repeat("x", schedules.MaxLaterBytes)+`"`
		if err := l.Keep(t.Context(), job); !errors.Is(err, sqsqueue.ErrNotKept) {
			t.Errorf("a job too large: %v", err)
		}
		if got := w.kept(t); len(got) != 2 {
			t.Errorf("there are %v", got)
		}
		for range 2 { // again is no error
			for _, id := range []string{"j-1", strings.Repeat("x", 60) + "@/+~ #"} {
				if err := l.Drop(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := w.kept(t); len(got) != 0 {
			t.Errorf("after they were dropped there are %v", got)
		}
	})
}

// ran notes when jobs ran.
type ran struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (r *ran) run(ctx context.Context, _ string) error {
	attempt, _ := tasks.Current(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.at[attempt.ID]; twice {
		return errors.New("it runs twice")
	}
	r.at[attempt.ID] = time.Now()
	return nil
}

func TestALongCountdownIsDueToTheSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		em, err := emulator.Open(emulator.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := em.Close(); err != nil {
				t.Error(err)
			}
		}()
		l := later(t, em.Scheduler(), "shop")
		client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{Later: l, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		noted := &ran{at: map[string]time.Time{}}
		task := tasks.Define("note", tasks.NoResult(noted.run))
		r := tasks.NewRegistry(task)
		if _, err := sqsqueue.Apply(t.Context(), client, r); err != nil {
			t.Fatal(err)
		}
		worker, err := sqsqueue.NewWorker(client, r, sqsqueue.WorkerConfig{Concurrency: 4})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- worker.Run(ctx) }()

		due := map[string]time.Time{}
		for _, wait := range []time.Duration{15 * time.Minute, 901 * time.Second, 20*time.Minute + 29*time.Second, time.Hour, 25*time.Hour + time.Second} {
			job, err := task.Delay(t.Context(), client, "x", tasks.Countdown(wait))
			if err != nil {
				t.Fatal(err)
			}
			due[job.ID] = time.Now().Add(wait)
		}
		many, err := task.DelayMany(t.Context(), client, []string{"a", "b", strings.Repeat("x", schedules.MaxLaterBytes)}, tasks.Countdown(2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range many {
			due[job.ID] = time.Now().Add(2 * time.Hour)
		}
		gone, err := task.Delay(t.Context(), client, "x", tasks.At(time.Now().Add(time.Hour)), tasks.JobID("invoice/42"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		if err := l.Drop(t.Context(), gone.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(26 * time.Hour)
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for id, want := range due {
			if at, ok := noted.at[id]; !ok || at.Before(want) || at.Sub(want) >= time.Second {
				t.Errorf("job %s was due %v and ran %v", id, want, at)
			}
		}
		if len(noted.at) != len(due) {
			t.Errorf("%d jobs ran, want %d: a dropped one too?", len(noted.at), len(due))
		}
		left, err := em.Scheduler().ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String("shop-later")})
		if err != nil || len(left.Schedules) != 0 {
			t.Errorf("schedules are left: %+v, %v", left, err)
		}
	})
}

func TestWhatALaterRefuses(t *testing.T) {
	t.Parallel()
	w := onEmulator(t)
	if _, err := schedules.NewLater(w.api, schedules.Config{Application: "shop"}); !errors.Is(err, schedules.ErrNoRole) {
		t.Errorf("without a role: %v", err)
	}
	l := later(t, faulty{w.api, func(operation string) error {
		if operation == "CreateSchedule" {
			return apiError("AccessDeniedException", "no")
		}
		return nil
	}}, w.app)
	client, err := sqsqueue.New(w.sqs, sqsqueue.Config{Later: l})
	if err != nil {
		t.Fatal(err)
	}
	task := tasks.Define("note", tasks.NoResult((&ran{}).run))
	if _, err := sqsqueue.Apply(t.Context(), client, tasks.NewRegistry(task)); err != nil {
		t.Fatal(err)
	}
	_, err = task.Delay(t.Context(), client, "x", tasks.Countdown(time.Hour))
	if !errors.Is(err, schedules.ErrDenied) || !strings.Contains(err.Error(), "scheduler:CreateSchedule") {
		t.Errorf("without permission: %v", err)
	}
	if _, err := task.Delay(t.Context(), client, "x", tasks.Countdown(15*time.Minute)); err != nil {
		t.Errorf("a countdown that SQS can keep itself: %v", err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
