package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/tasks"
)

// A line is the command line of a program, on an embedded queue of its own.
type line struct {
	t    *testing.T
	em   *emulator.Emulator
	addr string
}

func commandLine(t *testing.T) *line {
	t.Helper()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(em.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	return &line{t, em, strings.TrimPrefix(server.URL, "http://")}
}

func (l *line) core(r *tasks.Registry, args string) (code int, stdout, stderr string) {
	l.t.Helper()
	var out, errs bytes.Buffer
	argv := append([]string{"--local", "--local-addr", l.addr, "--results", "none", "--application", "shop"}, strings.Fields(args)...)
	code = cli.Run(l.t.Context(), r, argv, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// kept are the one-time schedules.
func (l *line) kept() []types.ScheduleSummary {
	l.t.Helper()
	out, err := l.em.Scheduler().ListSchedules(l.t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String("shop-later")})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.Schedules
}

func periodic(name string, opts ...tasks.PeriodicOption) *tasks.PeriodicTask {
	return tasks.Periodic(name, func(context.Context) error { return nil }, opts...)
}

func TestSchedulesCommands(t *testing.T) {
	t.Parallel()
	program := commandLine(t)
	r := tasks.NewRegistry(
		periodic("sessions.cleanup", tasks.Cron("30 3 * * *"), tasks.In("America/Sao_Paulo")), periodic("sync", tasks.Every(10*time.Second)),
		tasks.Define("mail", tasks.NoResult(func(context.Context, int) error { return nil })),
	)
	changed := tasks.NewRegistry(periodic("sync", tasks.Every(20*time.Second)))
	steps := []struct {
		name     string
		registry *tasks.Registry
		args     string
		code     int
		stdout   string // is in it
		stderr   string // is in it; "" is nothing there
	}{
		{name: "no queue", registry: r, args: "schedules plan", code: 1, stderr: "create it with 'core queues apply'"},
		{name: "queues", registry: r, args: "queues apply", stdout: "created"},
		{name: "the first plan", registry: r, args: "schedules plan", code: 2, stdout: "+ sessions.cleanup\n      expression         cron(30 3 * * ? *)"},
		{name: "not applied", registry: r, args: "schedules pause sync", code: 1, stderr: `task "sync": its schedule does not exist; create it with 'core schedules apply'`},
		{name: "list before apply", registry: r, args: "schedules list", stdout: "missing"},
		{name: "doctor before apply", registry: r, args: "doctor", code: 1, stdout: "2 to create, 0 to change, 0 to delete", stderr: "checks failed"},
		{name: "apply", registry: r, args: "schedules apply", stdout: `Group "shop": 2 created, 0 changed, 0 deleted, 0 unchanged.`},
		{name: "an empty plan", registry: r, args: "schedules plan", stdout: `No changes: 2 schedules of group "shop" are as the code says.`},
		{name: "apply again", registry: r, args: "schedules apply", stdout: "Nothing to do"},
		{name: "pause", registry: r, args: "schedules pause sync", stdout: "sync is paused"},
		{name: "list", registry: r, args: "schedules list", stdout: "every 10s                       paused"},
		{name: "doctor", registry: r, args: "doctor", stdout: "2 periodic tasks, 1 of them paused"},
		{name: "a change in the code", registry: changed, args: "schedules plan", code: 2, stdout: "- sessions.cleanup\n~ sync (paused, and stays so)\n"},
		{name: "the same as JSON", registry: changed, args: "schedules plan --output json", code: 2, stdout: `"action": "delete"`},
		{name: "apply it", registry: changed, args: "schedules apply", stdout: "0 created, 1 changed, 1 deleted"},
		{name: "resume", registry: changed, args: "schedules resume sync", stdout: "sync is enabled"},
		{name: "run", registry: changed, args: "schedules run sync --output json", stdout: `"task": "sync"`},
		{name: "not periodic", registry: r, args: "schedules run mail", code: 1, stderr: `task "mail": the task is not periodic`},
		{name: "unknown", registry: r, args: "schedules run nobody", code: 1, stderr: `unknown task "nobody"`},
		{name: "no verb", registry: r, args: "schedules", code: 2, stderr: "name one of: plan, apply, list, pause, resume, run"},
		{name: "a wrong role", registry: r, args: "schedules plan --scheduler-role-arn admin", code: 2, stderr: `execution role "admin" is invalid`},
		{name: "a long name", registry: r, args: "schedules plan --queue-prefix " + strings.Repeat("p", 40) + " --application " + strings.Repeat("a", 30), code: 2, stderr: "shorten the application's name or the prefix"},
	}
	for _, s := range steps { // one after the other: each builds on those before
		code, stdout, stderr := program.core(s.registry, s.args)
		if code != s.code || !strings.Contains(stdout, s.stdout) || !strings.Contains(stderr, s.stderr) || s.stderr == "" && stderr != "" {
			t.Fatalf("%s: exit code %d, want %d\n%s\n%s\nwant %q and %q", s.name, code, s.code, stdout, stderr, s.stdout, s.stderr)
		}
	}
}

func TestSchedulesListAsJSON(t *testing.T) {
	t.Parallel()
	program := commandLine(t)
	r := tasks.NewRegistry(periodic("soon", tasks.Every(10*time.Second)),
		periodic("ends", tasks.Cron("@daily"), tasks.In("Asia/Tokyo"), tasks.Until(time.Now().Add(47*time.Hour))), periodic("over", tasks.Cron("@daily"), tasks.Until(time.Now().Add(-time.Hour))))
	code, stdout, stderr := program.core(r, "schedules list --output json")
	var rows []struct {
		Task, Queue, Schedule, Zone, State string
		Next                               []time.Time
	}
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != 0 || len(rows) != 3 {
		t.Fatalf("%d, %v\n%s\n%s", code, err, stdout, stderr)
	}
	if ends := rows[0]; ends.Task != "ends" || ends.Zone != "Asia/Tokyo" || ends.State != "missing" || len(ends.Next) != 2 && len(ends.Next) != 1 || ends.Next[0].Format("15:04 -0700") != "00:00 +0900" {
		t.Errorf("%+v", ends)
	}
	if over := rows[1]; over.State != "ended" || over.Next == nil || len(over.Next) != 0 {
		t.Errorf("%+v", over)
	}
	if soon := rows[2]; len(soon.Next) != 5 || soon.Next[4].Sub(soon.Next[0]) != 40*time.Second {
		t.Errorf("%+v", soon)
	}
}

// A countdown that SQS can't keep becomes a one-time schedule, which goes with the job.
func TestALongCountdownOnTheCommandLine(t *testing.T) {
	t.Parallel()
	program := commandLine(t)
	r := tasks.NewRegistry(tasks.Define("mail", tasks.NoResult(func(context.Context, int) error { return nil })))
	db := " --results sqlite://" + t.TempDir() + "/jobs.db"
	run := func(args string) string {
		t.Helper()
		code, stdout, stderr := program.core(r, args)
		if code != 0 {
			t.Fatalf("%s: exit code %d\n%s", args, code, stderr)
		}
		return stdout
	}
	run("queues apply")
	id := strings.TrimSpace(run("enqueue mail 1 --countdown 2h" + db))
	if out := run("queues list"); !strings.Contains(out, "default  0        0        0") {
		t.Errorf("the job is on its queue already:\n%s", out)
	}
	if out := run("jobs cancel " + id + db); !strings.Contains(out, "cancelled") {
		t.Error(out)
	}
	if left := program.kept(); len(left) != 0 {
		t.Errorf("the schedule is still there: %v", left)
	}
	run("enqueue mail 1 --countdown 2h" + db)
	if left := program.kept(); len(left) != 1 {
		t.Errorf("a long countdown left %v", left)
	}
}

// The list needs nothing but the code.
func TestSchedulesListWithoutAnEndpoint(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), tasks.NewRegistry(periodic("sync", tasks.Every(time.Hour))),
		[]string{"schedules", "list", "--local", "--local-addr", "127.0.0.1:1"}, strings.NewReader(""), &stdout, &stderr)
	if code != 0 || !strings.Contains(stdout.String(), "every 1h  unknown") || !strings.Contains(stderr.String(), "the states are unknown: no embedded queue answers") {
		t.Errorf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
}
