package tasks_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/tasks"
)

func nothing(context.Context) error { return nil }

var (
	newYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	daily   = tasks.Cron("@daily")
)

var _ tasks.AnyTask = (*tasks.PeriodicTask)(nil)

// The id of a tick's job is the task's name and a time, and must be one that a job can have.
func TestNamesOfPeriodicTasks(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", tasks.MaxPeriodicName)
	for name, ok := range map[string]bool{longest: true, longest + "x": false} {
		task := tasks.Periodic(name, func(context.Context) error { return nil }, tasks.Every(13*time.Second))
		err := tasks.NewRegistry(task).Err()
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "the name is too long for a periodic task: it has 103 characters") {
			t.Errorf("a name of %d characters: %v", len(name), err)
		}
		tick := time.Now()
		for range 100 {
			if tick = task.Info().Schedule.Next(tick); len(task.Info().Schedule.TickID(longest, tick)) > tasks.MaxJobID {
				t.Fatalf("%s is no id of a job", task.Info().Schedule.TickID(longest, tick))
			}
		}
	}
}

func TestOptionsOfAScheduleAreNotOptionsOfATask(t *testing.T) {
	t.Parallel()
	if reflect.TypeOf(tasks.Cron("@daily")).AssignableTo(reflect.TypeFor[tasks.Option]()) {
		t.Error("tasks.Define takes a schedule")
	}
	if reflect.TypeFor[tasks.PeriodicOption]().AssignableTo(reflect.TypeFor[tasks.Option]()) {
		t.Error("tasks.Define takes a schedule")
	}
}

func TestPeriodicRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts []tasks.PeriodicOption
		want string // in the message; "" is accepted
	}{
		"cron":                            {opts: []tasks.PeriodicOption{daily}},
		"an interval":                     {opts: []tasks.PeriodicOption{tasks.Every(10 * time.Second)}},
		"options of any task":             {opts: []tasks.PeriodicOption{daily, tasks.Queue("q"), tasks.MaxRetries(3), tasks.Timeout(time.Minute)}},
		"nothing":                         {want: `task "p": a periodic task needs Cron or Every`},
		"a nil option":                    {opts: []tasks.PeriodicOption{daily, nil}, want: `task "p": an option is nil`},
		"an option of any task":           {opts: []tasks.PeriodicOption{daily, tasks.MaxRetries(-1)}, want: `task "p": MaxRetries(-1) is out of range`},
		"a wrong cron":                    {opts: []tasks.PeriodicOption{tasks.Cron("0 24 * * *")}, want: "task \"p\": cron \"0 24 * * *\": hour: 24 is out of range: it must be 0 to 23\n  0 24 * * *\n    ^^"},
		"a cron with white space around":  {opts: []tasks.PeriodicOption{tasks.Cron("\t0 3 * * *\r\n")}},
		"a month's end":                   {opts: []tasks.PeriodicOption{tasks.Cron("0 3 L * *")}},
		"a cron of EventBridge":           {opts: []tasks.PeriodicOption{tasks.Cron("cron(0 3 ? * 2 *)")}, want: `in five fields it is "0 3 * * 1"`},
		"a rate of EventBridge":           {opts: []tasks.PeriodicOption{tasks.Cron("rate(5 minutes)")}, want: "use Every(5*time.Minute)"},
		"an empty cron":                   {opts: []tasks.PeriodicOption{tasks.Cron("")}, want: `cron "": it is empty`},
		"a wrong interval":                {opts: []tasks.PeriodicOption{tasks.Every(17 * time.Second)}, want: `task "p": interval 17s: EventBridge fires on whole minutes`},
		"no interval":                     {opts: []tasks.PeriodicOption{tasks.Every(0)}, want: `the shortest that works is 1s`},
		"cron wins over a wrong interval": {opts: []tasks.PeriodicOption{tasks.Every(17 * time.Second), daily}},
		"a zone":                          {opts: []tasks.PeriodicOption{tasks.In("America/Sao_Paulo"), daily}},
		"a zone with white space around":  {opts: []tasks.PeriodicOption{tasks.In(" America/Sao_Paulo\n"), daily}},
		"a blank zone":                    {opts: []tasks.PeriodicOption{daily, tasks.In(" ")}, want: `In(" ")`},
		"an unknown zone":                 {opts: []tasks.PeriodicOption{daily, tasks.In("Mars/Olympus")}, want: `task "p": In("Mars/Olympus"): there is no such time zone; use a name of the IANA time zone database`},
		"a file beside the zones":         {opts: []tasks.PeriodicOption{daily, tasks.In("localtime")}, want: `In("localtime"): there is no such time zone`},
		"a copy of the zones":             {opts: []tasks.PeriodicOption{daily, tasks.In("posix/Europe/Berlin")}, want: `In("posix/Europe/Berlin")`},
		"zones with leap seconds":         {opts: []tasks.PeriodicOption{daily, tasks.In("right/UTC")}, want: `In("right/UTC")`},
		"the zone of the machine":         {opts: []tasks.PeriodicOption{daily, tasks.In("Local")}, want: `In("Local")`},
		"no zone":                         {opts: []tasks.PeriodicOption{daily, tasks.In("")}, want: `In("")`},
		"a zone that is a path":           {opts: []tasks.PeriodicOption{daily, tasks.In("../passwd")}, want: `In("../passwd")`},
		"a start and an end":              {opts: []tasks.PeriodicOption{daily, tasks.From(newYear), tasks.Until(newYear.AddDate(0, 1, 0))}},
		"an end before the start":         {opts: []tasks.PeriodicOption{daily, tasks.From(newYear), tasks.Until(newYear)}, want: "Until 2027-01-01T00:00:00Z must be after From 2027-01-01T00:00:00Z"},
		"nothing between":                 {opts: []tasks.PeriodicOption{daily, tasks.From(newYear.Add(1)), tasks.Until(newYear.Add(time.Hour))}, want: "it is never due between From and Until"},
		"a start that is no time":         {opts: []tasks.PeriodicOption{daily, tasks.From(time.Time{})}, want: "From: the time is the zero time"},
		"an end that is no time":          {opts: []tasks.PeriodicOption{daily, tasks.Until(time.Time{})}, want: "Until: the time is the zero time"},
		"a window":                        {opts: []tasks.PeriodicOption{daily, tasks.FlexibleWindow(15 * time.Minute)}},
		"the longest window":              {opts: []tasks.PeriodicOption{tasks.Every(48 * time.Hour), tasks.FlexibleWindow(24 * time.Hour)}},
		"a window too long":               {opts: []tasks.PeriodicOption{tasks.Every(48 * time.Hour), tasks.FlexibleWindow(24*time.Hour + time.Minute)}, want: "must be 1 to 1440 whole minutes"},
		"a window of seconds":             {opts: []tasks.PeriodicOption{daily, tasks.FlexibleWindow(90 * time.Second)}, want: "FlexibleWindow(1m30s) is out of range: it must be 1 to 1440 whole minutes"},
		"no window":                       {opts: []tasks.PeriodicOption{daily, tasks.FlexibleWindow(0)}, want: "FlexibleWindow(0s) is out of range"},
		"a window over the period":        {opts: []tasks.PeriodicOption{tasks.Every(5 * time.Minute), tasks.FlexibleWindow(5 * time.Minute)}, want: "FlexibleWindow(5m0s) must be shorter than the 5m0s between two ticks"},
		"catching up":                     {opts: []tasks.PeriodicOption{daily, tasks.CatchUp()}},
		"event ages":                      {opts: []tasks.PeriodicOption{daily, tasks.MaxEventAge(time.Minute), tasks.MaxEventAge(24 * time.Hour)}},
		"a short event age":               {opts: []tasks.PeriodicOption{daily, tasks.MaxEventAge(59 * time.Second)}, want: "MaxEventAge(59s) is out of range: it must be whole seconds from 1m0s to 24h0m0s"},
		"a long event age":                {opts: []tasks.PeriodicOption{daily, tasks.MaxEventAge(25 * time.Hour)}, want: "MaxEventAge(25h0m0s)"},
		"a fraction of event age":         {opts: []tasks.PeriodicOption{daily, tasks.MaxEventAge(time.Minute + 1)}, want: "MaxEventAge"},
		"retries":                         {opts: []tasks.PeriodicOption{daily, tasks.FireRetries(0), tasks.FireRetries(185)}},
		"too many retries":                {opts: []tasks.PeriodicOption{daily, tasks.FireRetries(186)}, want: "FireRetries(186) is out of range: it must be 0 to 185"},
		"negative retries":                {opts: []tasks.PeriodicOption{daily, tasks.FireRetries(-1)}, want: "FireRetries(-1)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tasks.NewRegistry(tasks.Periodic("p", nothing, tc.opts...)).Err()
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if d, isDef := errors.AsType[*tasks.DefinitionError](err); tc.want != "" && (!isDef || d.Task != "p") {
				t.Errorf("error %#v is not a DefinitionError of the task", err)
			}
		})
	}
	for name, tc := range map[string]*tasks.PeriodicTask{
		"no function": tasks.Periodic("p", nil, daily),
		"no name":     tasks.Periodic("", nothing, daily),
	} {
		if tasks.NewRegistry(tc).Err() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestScheduleErrorsAreTyped(t *testing.T) {
	t.Parallel()
	err := tasks.NewRegistry(
		tasks.Periodic("a", nothing, tasks.Cron("x * * * *")), tasks.Periodic("b", nothing, tasks.Every(time.Millisecond)),
	).Err()
	if cron, ok := errors.AsType[*tasks.CronError](err); !ok || cron.Field != "minute" {
		t.Errorf("no CronError in %v", err)
	}
	if interval, ok := errors.AsType[*tasks.IntervalError](err); !ok || interval.Above != time.Second {
		t.Errorf("no IntervalError in %v", err)
	}
}

func TestScheduleOfAPeriodicTask(t *testing.T) {
	t.Parallel()
	task := tasks.Periodic("p", nothing, tasks.Every(17*time.Second), tasks.In("Europe/Berlin"), tasks.Cron("30 3 * * 1-5"),
		tasks.From(newYear), tasks.Until(newYear.AddDate(0, 0, 5)), tasks.FlexibleWindow(time.Minute), tasks.CatchUp(), tasks.FireRetries(2))
	s := task.Info().Schedule
	if s.Cron != "30 3 * * 1-5" || s.Every != 0 || s.Location.String() != "Europe/Berlin" || s.FlexibleWindow != time.Minute || !s.CatchUp ||
		s.FireRetries != 2 || s.MaxEventAge != time.Hour || s.Period() != 24*time.Hour || s.String() != "30 3 * * 1-5 (Europe/Berlin)" {
		t.Errorf("schedule %+v", s)
	}
	var ticks []string
	for at := s.Next(time.Time{}); !at.IsZero(); at = s.Next(at) {
		ticks = append(ticks, at.Format(time.RFC3339))
	}
	if got, want := strings.Join(ticks, " "), "2027-01-01T03:30:00+01:00 2027-01-04T03:30:00+01:00 2027-01-05T03:30:00+01:00"; got != want {
		t.Errorf("ticks %s, want %s", got, want)
	}
	if rules := s.Rules(); len(rules) != 1 || rules[0].Expression != "cron(30 3 ? * 2-6 *)" {
		t.Errorf("rules %+v", rules)
	}
	if tasks.Define("t", ok).Info().Schedule != nil {
		t.Error("a task that is not periodic has a schedule")
	}
}

func TestScheduleDefaults(t *testing.T) {
	t.Parallel()
	for every, age := range map[time.Duration]time.Duration{
		time.Second: time.Minute, 45 * time.Second: 3 * time.Minute, 5 * time.Minute: 5 * time.Minute, time.Hour: time.Hour, 48 * time.Hour: time.Hour,
	} {
		s := tasks.Periodic("p", nothing, tasks.Every(every)).Info().Schedule
		if s.Every != every || s.Cron != "" || s.Location != time.UTC || s.MaxEventAge != age || s.FireRetries != 185 || s.CatchUp || s.FlexibleWindow != 0 {
			t.Errorf("every %v: %+v, want an event age of %v", every, s, age)
		}
	}
}

// Where EventBridge fires a pattern, start and end bound the instants at which it fires.
func TestStartAndEndOfAPattern(t *testing.T) {
	t.Parallel()
	s := tasks.Periodic("p", nothing, tasks.Every(45*time.Second), tasks.From(newYear.Add(time.Minute)), tasks.Until(newYear.Add(4*time.Minute))).Info().Schedule
	var ids []string
	for at := s.Next(time.Time{}); !at.IsZero(); at = s.Next(at) {
		ids = append(ids, s.TickID("p", at))
	}
	if got, want := strings.Join(ids, " "), "p@2027-01-01T00:03:00Z p@2027-01-01T00:03:00Z+45s p@2027-01-01T00:03:00Z+90s p@2027-01-01T00:03:00Z+135s"; got != want {
		t.Errorf("ids %s\nwant %s", got, want)
	}
	if name, tick, ok := tasks.ParseTickID(ids[1]); !ok || name != "p" || !tick.Equal(newYear.Add(3*time.Minute+45*time.Second)) {
		t.Errorf("%s reads as %s, %v, %v", ids[1], name, tick, ok)
	}
}

func TestAPeriodicTaskRuns(t *testing.T) {
	t.Parallel()
	ran := 0
	task := tasks.Periodic("p", func(context.Context) error { ran++; return nil }, tasks.Queue("q"), daily)
	r := tasks.NewRegistry(task)
	executor, err := tasks.NewExecutor(r, tasks.ExecutorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	o := &outbox{}
	job, err := task.Delay(t.Context(), o, tasks.Countdown(time.Minute))
	if err != nil || job.Task != "p" || job.Queue != "q" || o.msgs[0].Delay != time.Minute {
		t.Fatalf("job %+v, message %+v, %v", job, o.msgs, err)
	}
	byName, err := r.Task("p")
	if err != nil {
		t.Fatal(err)
	}
	tick := byName.Info().Schedule.Next(newYear)
	id := byName.Info().Schedule.TickID("p", tick)
	job, err = byName.DelayJSON(t.Context(), o, []byte("{}"), tasks.JobID(id))
	if err != nil || job.ID != "p@2027-01-02T00:00:00Z" {
		t.Fatalf("job %+v, %v", job, err)
	}
	for _, m := range o.msgs {
		if string(m.Envelope.Params) != "{}" {
			t.Errorf("params %s", m.Envelope.Params)
		}
		body, err := m.Envelope.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if out := executor.Execute(t.Context(), tasks.Delivery{Queue: "q", Body: string(body), Attempt: 1}); out.Verdict != tasks.Done {
			t.Errorf("outcome %+v", out)
		}
	}
	if ran != 2 {
		t.Errorf("it ran %d times", ran)
	}
	if _, err := byName.DelayJSON(t.Context(), sendNothing{t}, []byte(`{"a":1}`)); err == nil || !strings.Contains(err.Error(), "it has none") {
		t.Errorf("parameters are accepted: %v", err)
	}
}

func TestJobIDAndAt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts []tasks.DelayOption
		want string // in the message; "" is accepted
		is   error
	}{
		"an id":               {opts: []tasks.DelayOption{tasks.JobID("invoice/42@2027+x")}},
		"the longest id":      {opts: []tasks.DelayOption{tasks.JobID(strings.Repeat("x", 128))}},
		"no id":               {opts: []tasks.DelayOption{tasks.JobID("")}, want: `job id ""`, is: tasks.ErrInvalidJobID},
		"an id too long":      {opts: []tasks.DelayOption{tasks.JobID(strings.Repeat("x", 129))}, want: "1 to 128 visible ASCII characters", is: tasks.ErrInvalidJobID},
		"an id with a space":  {opts: []tasks.DelayOption{tasks.JobID("a b")}, want: `job id "a b"`, is: tasks.ErrInvalidJobID},
		"an id with a break":  {opts: []tasks.DelayOption{tasks.JobID("a\n")}, want: `job id "a\n"`, is: tasks.ErrInvalidJobID},
		"a dot":               {opts: []tasks.DelayOption{tasks.JobID(".")}, want: `job id "."`, is: tasks.ErrInvalidJobID},
		"two dots":            {opts: []tasks.DelayOption{tasks.JobID("..")}, want: `job id ".."`, is: tasks.ErrInvalidJobID},
		"an id beyond ASCII":  {opts: []tasks.DelayOption{tasks.JobID("ä")}, want: `job id "ä"`, is: tasks.ErrInvalidJobID},
		"a time":              {opts: []tasks.DelayOption{tasks.At(time.Now().Add(time.Hour))}},
		"a time in the past":  {opts: []tasks.DelayOption{tasks.At(time.Now().Add(-time.Hour))}},
		"a time too far away": {opts: []tasks.DelayOption{tasks.At(time.Now().AddDate(2, 0, 0))}, want: "further away than the limit of 8760h0m0s (365 days)", is: tasks.ErrInvalidCountdown},
		"two times":           {opts: []tasks.DelayOption{tasks.At(newYear), tasks.Countdown(time.Second)}, want: "At and Countdown are both given"},
		"two times, reversed": {opts: []tasks.DelayOption{tasks.Countdown(time.Second), tasks.At(newYear)}, want: "Countdown and At are both given"},
		"a wrong one first":   {opts: []tasks.DelayOption{tasks.JobID(""), tasks.Countdown(time.Second)}, want: `job id ""`, is: tasks.ErrInvalidJobID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outbox{}
			_, err := place.Delay(t.Context(), o, order{}, tc.opts...)
			switch {
			case tc.want == "" && (err != nil || len(o.msgs) != 1):
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || len(o.msgs) != 0):
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %v is not %v", err, tc.is)
			}
		})
	}
	o := &outbox{}
	if _, err := place.DelayMany(t.Context(), o, []order{{}, {}}, tasks.JobID("one")); !errors.Is(err, tasks.ErrInvalidJobID) || len(o.msgs) != 0 {
		t.Errorf("one id for two jobs: %v", err)
	}
	jobs, err := place.DelayMany(t.Context(), o, []order{{}}, tasks.JobID("one"))
	if err != nil || jobs[0].ID != "one" || o.msgs[0].Envelope.ID != "one" {
		t.Errorf("one id for one job: %+v, %v", jobs, err)
	}
}

func TestAtIsACountdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outbox{}
		for _, wait := range []time.Duration{time.Hour, -time.Hour, 365 * 24 * time.Hour} {
			if _, err := place.Delay(t.Context(), o, order{}, tasks.At(time.Now().Add(wait))); err != nil {
				t.Fatal(err)
			}
			if got := o.msgs[len(o.msgs)-1].Delay; got != max(wait, 0) {
				t.Errorf("At in %v waits %v", wait, got)
			}
		}
	})
}
