package schedules_test

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/tasks"
)

func specs(t *testing.T, definitions ...tasks.Definition) []schedules.Spec {
	t.Helper()
	got, err := schedules.Specs(tasks.NewRegistry(definitions...))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func periodic(name string, opts ...tasks.PeriodicOption) *tasks.PeriodicTask {
	return tasks.Periodic(name, func(context.Context) error { return nil }, opts...)
}

func TestSpecs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 80)
	got := specs(t,
		periodic("cleanup", tasks.Cron("30 3 * * 1-5"), tasks.In("America/Sao_Paulo"), tasks.Queue("low")),
		periodic("both", tasks.Cron("0 0 13 * 5")),
		periodic("sync", tasks.Every(5*time.Minute), tasks.FireRetries(3)),
		periodic("tick", tasks.Every(20*time.Second)),
		periodic(long, tasks.Every(time.Hour)),
		tasks.Define("mail.send", func(context.Context, int) (int, error) { return 0, nil }),
	)
	byTask := map[string][]schedules.Spec{}
	names := map[string]bool{}
	for _, s := range got {
		byTask[s.Task] = append(byTask[s.Task], s)
		if names[s.Name] || len(s.Name) > 64 {
			t.Errorf("schedule name %q is taken or too long", s.Name)
		}
		names[s.Name] = true
	}
	if len(byTask["mail.send"]) != 0 {
		t.Error("a task without a schedule has one")
	}
	cleanup := byTask["cleanup"][0]
	if cleanup.Name != "cleanup" || cleanup.Queue != "low" || cleanup.Expression != "cron(30 3 ? * 2-6 *)" || cleanup.Zone != "America/Sao_Paulo" || cleanup.Batch() {
		t.Errorf("cleanup is %+v", cleanup)
	}
	if n := len(byTask["both"]); n != 2 {
		t.Errorf("two fields of days became %d schedules, want 2", n)
	}
	if s := byTask["sync"][0]; s.Expression != "rate(5 minutes)" || s.Period != 5*time.Minute || s.MaxEventAge != 5*time.Minute || s.Retries != 3 {
		t.Errorf("sync is %+v", s)
	}
	if s := byTask[long][0]; !strings.HasPrefix(s.Name, "_") || !strings.Contains(s.Name, "_xxx") || s.Task != long {
		t.Errorf("the long name is %+v", s)
	}
	tick := byTask["tick"][0]
	if !tick.Batch() || len(tick.Messages) != 3 {
		t.Fatalf("tick is %+v", tick)
	}
}

// TestInput reads what EventBridge would send at a tick as a worker does.
func TestInput(t *testing.T) {
	t.Parallel()
	const now = "2026-11-23T10:00:00Z"
	one := specs(t, periodic("sync", tasks.Every(5*time.Minute)))[0]
	input, err := one.Input("https://queue")
	if err != nil {
		t.Fatal(err)
	}
	check := func(body, id string) {
		t.Helper()
		e, err := tasks.DecodeEnvelope([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != id || string(e.Params) != "{}" || e.EnqueuedAt.Format(time.RFC3339) != now {
			t.Errorf("the job is %+v, want id %s", e, id)
		}
	}
	check(strings.ReplaceAll(input, "<aws.scheduler.scheduled-time>", now), "sync@"+now)

	many := specs(t, periodic("tick", tasks.Every(20*time.Second)))[0]
	if input, err = many.Input("https://queue"); err != nil {
		t.Fatal(err)
	}
	var request struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []struct {
			ID           string `json:"Id"`
			MessageBody  string
			DelaySeconds int
		}
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(input, "<aws.scheduler.scheduled-time>", now)), &request); err != nil {
		t.Fatal(err)
	}
	if request.QueueURL != "https://queue" || len(request.Entries) != 3 {
		t.Fatalf("the request is %+v", request)
	}
	var delays []int
	for i, id := range []string{"tick@" + now, "tick@" + now + "+20s", "tick@" + now + "+40s"} {
		check(request.Entries[i].MessageBody, id)
		delays = append(delays, request.Entries[i].DelaySeconds)
	}
	if !slices.Equal(delays, []int{0, 20, 40}) {
		t.Errorf("the delays are %v", delays)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		got, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	now := at("2026-11-23T10:03:30Z")
	tests := []struct {
		name string
		opts []tasks.PeriodicOption
		want string
	}{
		{"a rate starts at a multiple of its period", []tasks.PeriodicOption{tasks.Every(5 * time.Minute)}, "2026-11-23T10:05:00Z"},
		{"a rate starts soon", []tasks.PeriodicOption{tasks.Every(time.Minute)}, "2026-11-23T10:04:00Z"},
		{"days count from the epoch", []tasks.PeriodicOption{tasks.Every(24 * time.Hour)}, "2026-11-24T00:00:00Z"},
		{"a rate with a start ahead", []tasks.PeriodicOption{tasks.Every(time.Hour), tasks.From(at("2027-01-01T00:10:00Z"))}, "2027-01-01T01:00:00Z"},
		{"a rate with a start long past", []tasks.PeriodicOption{tasks.Every(time.Hour), tasks.From(at("2020-01-01T00:10:00Z"))}, "2026-11-23T11:00:00Z"},
		{"cron needs none", []tasks.PeriodicOption{tasks.Cron("@daily")}, ""},
		{"cron with a start ahead", []tasks.PeriodicOption{tasks.Cron("@daily"), tasks.From(at("2027-01-01T00:10:00Z"))}, "2027-01-01T00:09:59Z"},
		{"cron with a start within a minute", []tasks.PeriodicOption{tasks.Cron("@daily"), tasks.From(at("2027-01-01T00:10:00.5Z"))}, "2027-01-01T00:10:59Z"},
		{"cron with a start past", []tasks.PeriodicOption{tasks.Cron("@daily"), tasks.From(at("2026-11-23T10:00:00Z"))}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := specs(t, periodic("p", tt.opts...))[0].Start(now)
			if want := tt.want; want == "" && !got.IsZero() || want != "" && got.Format(time.RFC3339) != want {
				t.Errorf("starts %v, want %q", got, want)
			}
		})
	}
}

func TestNamesOfSchedules(t *testing.T) {
	t.Parallel()
	x64, x65 := strings.Repeat("x", 64), strings.Repeat("x", 65)
	valid := regexp.MustCompile(`^[0-9a-zA-Z-_.]{1,64}$`)
	seen := map[string]string{}
	for _, s := range specs(t,
		periodic("a", tasks.Every(time.Minute)), periodic(x64, tasks.Every(time.Minute)), periodic(x65, tasks.Every(time.Minute)),
		periodic(x65+"1", tasks.Every(time.Minute)), periodic(strings.Repeat("x", tasks.MaxPeriodicName), tasks.Every(time.Second)),
		periodic("A.b_c-d", tasks.Cron("0 0 13 * 5")), periodic("A.b_c-d-0", tasks.Cron("@daily")), periodic("tick", tasks.Every(time.Second)),
	) {
		if !valid.MatchString(s.Name) {
			t.Errorf("%q is no name of a schedule", s.Name)
		}
		if other, taken := seen[s.Name]; taken {
			t.Errorf("%q is a schedule of %s and of %s", s.Name, other, s.Task)
		}
		seen[s.Name] = s.Task
		if s.DeadLetterQueue() != "default-dlq" || !strings.Contains(s.Description, s.Task) {
			t.Errorf("%s: dead letters go to %s, described as %q", s.Name, s.DeadLetterQueue(), s.Description)
		}
	}
	if seen["a"] != "a" || seen[x64] != x64 {
		t.Error("a name that fits was changed")
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 3, 30, 0, time.UTC)
	at := func(d time.Duration) tasks.PeriodicOption { return tasks.Until(now.Add(d)) }
	for name, tt := range map[string]struct {
		opts []tasks.PeriodicOption
		want string
		over bool
	}{
		"none":                            {opts: []tasks.PeriodicOption{tasks.Every(time.Minute)}},
		"on a minute":                     {opts: []tasks.PeriodicOption{tasks.Every(time.Minute), at(90 * time.Second)}, want: "10:04:59"},
		"within a minute":                 {opts: []tasks.PeriodicOption{tasks.Every(time.Minute), at(31 * time.Second)}, want: "10:04:59"},
		"past":                            {opts: []tasks.PeriodicOption{tasks.Every(time.Minute), at(-time.Hour)}, want: "09:03:59", over: true},
		"before the next tick of a rate":  {opts: []tasks.PeriodicOption{tasks.Every(time.Hour), at(time.Minute)}, want: "10:04:59", over: true},
		"before the next tick of a cron ": {opts: []tasks.PeriodicOption{tasks.Cron("@hourly"), at(time.Minute)}, want: "10:04:59"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := specs(t, periodic("p", tt.opts...))[0]
			if end := s.End(); end.IsZero() != (tt.want == "") || !end.IsZero() && end.Format(time.TimeOnly) != tt.want {
				t.Errorf("ends %v, want %q", end, tt.want)
			}
			if s.Over(now) != tt.over {
				t.Errorf("over: %v", s.Over(now))
			}
		})
	}
}

// A schedule's own bounds let through exactly the ticks that the code has, whether EventBridge counts them in or out.
func TestBoundsAreTheCodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
		bound := base.Add(time.Duration(rapid.IntRange(0, 600_000).Draw(t, "ms")) * time.Millisecond)
		tick := base.Add(time.Duration(rapid.IntRange(0, 11).Draw(t, "minute")) * time.Minute)
		r := tasks.NewRegistry(periodic("from", tasks.Cron("* * * * *"), tasks.From(bound)), periodic("until", tasks.Cron("* * * * *"), tasks.Until(bound)))
		all, err := schedules.Specs(r)
		if err != nil {
			t.Fatal(err)
		}
		start, end := all[0].Start(base.Add(-time.Hour)), all[1].End()
		if due := !tick.Before(bound); due != tick.After(start) || due == tick.Equal(start) && due {
			t.Fatalf("From %v: the tick %v is due %v, and the schedule starts %v", bound, tick, due, start)
		}
		if due := tick.Before(bound); due != tick.Before(end) || tick.Equal(end) {
			t.Fatalf("Until %v: the tick %v is due %v, and the schedule ends %v", bound, tick, due, end)
		}
	})
}
