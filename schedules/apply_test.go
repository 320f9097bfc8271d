package schedules_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/tasks"
)

func (w *world) get(t *testing.T, name string) *scheduler.GetScheduleOutput {
	t.Helper()
	out, err := w.api.GetSchedule(t.Context(), &scheduler.GetScheduleInput{GroupName: aws.String(w.app), Name: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// edit changes a schedule as somebody does in the console.
func (w *world) edit(t *testing.T, name string, change func(*scheduler.UpdateScheduleInput)) {
	t.Helper()
	s := w.get(t, name)
	in := &scheduler.UpdateScheduleInput{
		GroupName: s.GroupName, Name: s.Name, Description: s.Description, EndDate: s.EndDate, StartDate: s.StartDate, State: s.State,
		FlexibleTimeWindow: s.FlexibleTimeWindow, ScheduleExpression: s.ScheduleExpression,
		ScheduleExpressionTimezone: s.ScheduleExpressionTimezone, Target: s.Target, ActionAfterCompletion: s.ActionAfterCompletion,
	}
	change(in)
	if _, err := w.api.UpdateSchedule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func TestLifeOfASchedule(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		r := tasks.NewRegistry(
			periodic("cleanup", tasks.Cron("30 3 * * 1-5"), tasks.In("America/Sao_Paulo"), tasks.FlexibleWindow(15*time.Minute)),
			periodic("sync", tasks.Every(5*time.Minute), tasks.Until(time.Now().Add(1000*time.Hour))),
			periodic("tick", tasks.Every(20*time.Second)),
			tasks.Define("mail", tasks.NoResult(func(context.Context, int) error { return nil })),
		)
		m := w.manager(t, r, w.api)
		const all = "create cleanup; create sync; create tick"
		if got := planned(t, m, r); got != all {
			t.Fatalf("the first plan is %q", got)
		}
		if got := apply(t, m, r); got != all {
			t.Fatalf("applied %q", got)
		}
		if p, err := m.Plan(t.Context(), r); err != nil || !p.Empty() || p.Unchanged != 3 {
			t.Fatalf("after apply the plan is %+v, %v", p, err)
		}
		if got := apply(t, m, r); got != "" {
			t.Errorf("applying again did %q", got)
		}

		cleanup := w.get(t, "cleanup")
		queue, err := w.client.ARN(t.Context(), "default")
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(cleanup.Target.Arn) != queue || aws.ToString(cleanup.Target.DeadLetterConfig.Arn) != queue+"-dlq" ||
			aws.ToString(cleanup.Target.RoleArn) != role || aws.ToInt32(cleanup.FlexibleTimeWindow.MaximumWindowInMinutes) != 15 ||
			aws.ToInt32(cleanup.Target.RetryPolicy.MaximumEventAgeInSeconds) != 3600 || aws.ToInt32(cleanup.Target.RetryPolicy.MaximumRetryAttempts) != 185 {
			t.Errorf("cleanup is %+v, target %+v", cleanup, cleanup.Target)
		}
		if got := aws.ToString(w.get(t, "tick").Target.Arn); got != "arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch" {
			t.Errorf("tick's target is %s", got)
		}
		if start := w.get(t, "sync").StartDate; start == nil || start.Unix()%300 != 0 {
			t.Errorf("sync starts %v, which is no multiple of its period", start)
		}

		w.edit(t, "cleanup", func(in *scheduler.UpdateScheduleInput) {
			in.ScheduleExpressionTimezone, in.Description = aws.String("UTC"), aws.String("by hand")
			in.Target.RetryPolicy.MaximumRetryAttempts = aws.Int32(1)
		})
		w.edit(t, "sync", func(in *scheduler.UpdateScheduleInput) { in.StartDate = aws.Time(in.StartDate.Add(time.Minute)) })
		const drift = "update cleanup (zone, retry attempts, description); update sync (start)"
		if got := planned(t, m, r); got != drift {
			t.Errorf("after edits by hand the plan is %q", got)
		}
		if got := apply(t, m, r); got != drift {
			t.Errorf("applied %q", got)
		}
		if got := planned(t, m, r); got != "" {
			t.Errorf("drift is left: %q", got)
		}

		less := tasks.NewRegistry(periodic("sync", tasks.Every(10*time.Minute)))
		if got, want := apply(t, m, less), "delete cleanup; update sync (expression, end, maximum event age, description); delete tick"; got != want && got != strings.Replace(want, "(expression,", "(expression, start,", 1) {
			t.Errorf("applied %q, want %q", got, want)
		}
		if got := planned(t, m, less); got != "" {
			t.Errorf("after pruning the plan is %q", got)
		}
		if got := apply(t, m, tasks.NewRegistry()); got != "delete sync" {
			t.Errorf("applied %q", got)
		}
	})
}

func TestPausedStaysPaused(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		r := tasks.NewRegistry(periodic("both", tasks.Cron("0 0 13 * 5")), periodic("other", tasks.Every(time.Minute)), tasks.Define("mail", tasks.NoResult(func(context.Context, int) error { return nil })))
		m := w.manager(t, r, w.api)
		states := func() string {
			t.Helper()
			got, err := m.States(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(got)
		}
		if err := m.Pause(t.Context(), r, "both"); err == nil || !strings.Contains(err.Error(), "core schedules apply") {
			t.Errorf("pausing what is not there: %v", err)
		}
		if got := states(); got != "map[both:missing other:missing]" {
			t.Errorf("before apply: %s", got)
		}
		apply(t, m, r)
		for range 2 { // again is no error
			if err := m.Pause(t.Context(), r, "both"); err != nil {
				t.Fatal(err)
			}
		}
		if got := states(); got != "map[both:paused other:enabled]" {
			t.Errorf("after pause: %s", got)
		}
		if got := planned(t, m, r); got != "" {
			t.Errorf("a paused schedule is drift: %q", got)
		}
		changed := tasks.NewRegistry(periodic("both", tasks.Cron("0 1 13 * 5")), periodic("other", tasks.Every(time.Minute)))
		if got := apply(t, m, changed); strings.Count(got, "(expression, description) paused") != 2 {
			t.Errorf("applied %q", got)
		}
		if got := states(); got != "map[both:paused other:enabled]" {
			t.Errorf("after apply: %s", got)
		}
		if err := m.Resume(t.Context(), r, "both"); err != nil {
			t.Fatal(err)
		}
		if got := states(); got != "map[both:enabled other:enabled]" {
			t.Errorf("after resume: %s", got)
		}
		if err := m.Pause(t.Context(), r, "mail"); err == nil || !strings.Contains(err.Error(), "not periodic") {
			t.Errorf("pausing a task without a schedule: %v", err)
		}
		if err := m.Pause(t.Context(), r, "nobody"); err == nil || !strings.Contains(err.Error(), "unknown task") {
			t.Errorf("pausing an unknown task: %v", err)
		}
	})
}

func TestAForeignGroupIsLeftAlone(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		r := tasks.NewRegistry(periodic("sync", tasks.Every(time.Minute)))
		m := w.manager(t, r, w.api)
		group, err := w.api.CreateScheduleGroup(t.Context(), &scheduler.CreateScheduleGroupInput{Name: aws.String(w.app)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.api.CreateSchedule(t.Context(), &scheduler.CreateScheduleInput{
			GroupName: aws.String(w.app), Name: aws.String("theirs"), ScheduleExpression: aws.String("rate(1 day)"),
			FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
			Target:             &types.Target{Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:theirs"), RoleArn: aws.String(role)},
		}); err != nil {
			t.Fatal(err)
		}
		refused := func(want string) {
			t.Helper()
			_, planErr := m.Plan(t.Context(), r)
			_, applyErr := m.Apply(t.Context(), r)
			for what, err := range map[string]error{
				"plan": planErr, "apply": applyErr, "pause": m.Pause(t.Context(), r, "sync"), "resume": m.Resume(t.Context(), r, "sync"),
			} {
				if !is[*schedules.ForeignGroupError](err) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			w.get(t, "theirs")
		}
		refused("has no tag core:application")
		tag := func(value string) {
			t.Helper()
			if _, err := w.api.TagResource(t.Context(), &scheduler.TagResourceInput{
				ResourceArn: group.ScheduleGroupArn, Tags: []types.Tag{{Key: aws.String(schedules.OwnerTag), Value: aws.String(value)}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		tag("somebody")
		refused(`belongs to the application "somebody"`)
		tag(w.app)
		if got := apply(t, m, r); got != "create sync; delete theirs" {
			t.Errorf("handed over, it did %q", got)
		}
	})
}

// Programs of two modules can bear one name: neither prunes the other's schedules. A name that somebody chose is taken as it is.
func TestGroupOfAnotherModule(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		r := tasks.NewRegistry(periodic("ours", tasks.Every(time.Hour)))
		theirs := tasks.NewRegistry(periodic("theirs", tasks.Every(time.Hour)))
		w.manager(t, r, w.api) // makes the queues
		of := func(module string) *schedules.Manager {
			m, err := schedules.New(w.api, w.client, schedules.Config{Application: w.app, Module: module, RoleARN: role})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		if got := apply(t, of("example.com/acme/shop"), r); got != "create ours" {
			t.Errorf("it did %q", got)
		}
		_, err := of("example.com/other/shop").Apply(t.Context(), theirs)
		if !is[*schedules.ForeignGroupError](err) || !strings.Contains(err.Error(), "belongs to the module example.com/acme/shop, and this program is of the module example.com/other/shop") {
			t.Errorf("another module's: %v", err)
		}
		w.get(t, "ours")
		for what, m := range map[string]*schedules.Manager{"the same module": of("example.com/acme/shop"), "a name that was chosen": of("")} {
			if got := planned(t, m, r); got != "" {
				t.Errorf("%s: the plan is %q", what, got)
			}
		}
	})
}

func TestTwoAppliesAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		var old, next []tasks.Definition
		for i := range 20 {
			old = append(old, periodic(fmt.Sprintf("old-%02d", i), tasks.Every(time.Hour)), periodic(fmt.Sprintf("both-%02d", i), tasks.Every(time.Hour)))
			next = append(next, periodic(fmt.Sprintf("new-%02d", i), tasks.Every(time.Minute)), periodic(fmt.Sprintf("both-%02d", i), tasks.Cron("@daily")))
		}
		apply(t, w.manager(t, tasks.NewRegistry(old...), w.api), tasks.NewRegistry(old...))
		r := tasks.NewRegistry(next...)
		var wg sync.WaitGroup
		for range 3 {
			m := w.manager(t, r, w.api)
			wg.Go(func() {
				if _, err := m.Apply(t.Context(), r); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p, err := w.manager(t, r, w.api).Plan(t.Context(), r)
		if err != nil || !p.Empty() || p.Unchanged != 40 {
			t.Errorf("afterwards the plan is %s, %d unchanged, %v", short(p), p.Unchanged, err)
		}
	})
}

func TestAnEndThatHasPassed(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		r := tasks.NewRegistry(periodic("over", tasks.Every(time.Hour), tasks.Until(time.Now().Add(-time.Hour))))
		m := w.manager(t, r, w.api)
		if got := planned(t, m, r); got != "" {
			t.Errorf("the plan is %q", got)
		}
		apply(t, m, tasks.NewRegistry(periodic("over", tasks.Every(time.Hour))))
		if got := planned(t, m, r); got != "delete over" {
			t.Errorf("the plan is %q", got)
		}
		if states, err := m.States(t.Context(), r); err != nil || states["over"] != schedules.Ended {
			t.Errorf("states %v, %v", states, err)
		}
	})
}
