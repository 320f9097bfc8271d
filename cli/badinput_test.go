package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/tasks"
)

// TestBadInput gives each command what it can't use. Each time: the right exit code, nothing on standard output, one
// line on standard error that says what to do (two with the pointer to --help), and no stack trace.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "Stop with Ctrl-C", "dev")
	for name, tc := range map[string]struct {
		args  string // split at spaces
		last  string // one more argument
		stdin string
		code  int
		want  string
	}{
		"no such command":        {args: "enqueu", code: 2, want: `unknown command "enqueu"`},
		"no such flag":           {args: "enqueue note --countdwn 5s", code: 2, want: "unknown flag: --countdwn"},
		"no task":                {args: "enqueue", code: 2, want: "accepts between 1 and 2 arg(s), received 0"},
		"too many arguments":     {args: "worker now", code: 2, want: `unknown command "now"`},
		"unknown task":           {args: "enqueue nota", code: 1, want: `unknown task "nota": this program has note, note.urgent`},
		"wrong type":             {args: "enqueue note", last: `{"text":7}`, code: 1, want: `parameters of task "note": field "text": must be a string, not a JSON number`},
		"unknown field":          {args: "enqueue note", last: `{"txt":"a"}`, code: 1, want: `field "txt": is not a parameter of this task; it has text, millis, fail, permanent, die`},
		"invalid JSON":           {args: "enqueue note", last: `{"text":`, code: 1, want: `parameters of task "note": not valid JSON: it ends too early`},
		"invalid JSON on stdin":  {args: "enqueue note -", stdin: `{text}`, code: 1, want: `not valid JSON: invalid character 't'`},
		"bytes that are no text": {args: "enqueue note -", stdin: "{\"text\":\"\xff\"}", code: 1, want: "not valid UTF-8"},
		"over 1 MiB":             {args: "enqueue note -", stdin: `{"text":"` + strings.Repeat("x", 1<<20) + `"}`, code: 1, want: "and the limit is 1046528; store the data elsewhere and pass its ID"},
		"negative countdown":     {args: "enqueue note --countdown -5s", code: 1, want: "countdown -5s is negative"},
		"over-long countdown":    {args: "enqueue note --countdown 9000h", code: 1, want: "longer than the limit of 8760h0m0s (365 days)"},
		"countdown without unit": {args: "enqueue note --countdown 5", code: 2, want: `"5" is no length of time; use one such as 90s`},
		"unknown queue":          {args: "worker --queue dfault", code: 1, want: `no task uses queue "dfault": this program has default, high-priority`},
		"queue named twice":      {args: "worker --queue default --queue default", code: 1, want: `queue "default" is named twice`},
		"no weight":              {args: "worker --queue default=many", code: 2, want: `the weight must be a whole number of 1 or more`},
		"no concurrency":         {args: "worker --concurrency 0", code: 2, want: "--concurrency 0 is invalid"},
		"short shutdown":         {args: "worker --shutdown-timeout 1ms", code: 1, want: "shutdown timeout 1ms is invalid: it must be 1s or more"},
		"invalid prefix":         {args: "queues list --queue-prefix a.b", code: 2, want: `queue prefix "a.b" is invalid`},
		"invalid output":         {args: "queues list --output yaml", code: 2, want: `--output "yaml" is invalid: use text or json`},
		"invalid level":          {args: "worker --log-level loud", code: 2, want: `--log-level "loud" is invalid`},
		"invalid address":        {args: "local --local-addr here", code: 2, want: `--local-addr "here" is invalid`},
		"a public address":       {args: "local --local-addr 0.0.0.0:0", code: 2, want: "is not loopback"},
		"an address in use":      {args: "local", code: 1, want: "in use by another process"},
		"jobs without a verb":    {args: "jobs", code: 2, want: "name one of: get, watch, list, cancel, retry"},
		"no such job":            {args: "jobs get j1", code: 1, want: `job "j1": no such job, or its record has expired`},
		"no such job to watch":   {args: "jobs watch j1", code: 1, want: `job "j1": no such job`},
		"no such job to cancel":  {args: "jobs cancel j1", code: 1, want: `job "j1": no such job`},
		"no such state":          {args: "jobs list --state done", code: 2, want: `--state "done" is invalid: use one of [queued`},
		"no such page":           {args: "jobs list --cursor x", code: 1, want: "invalid cursor"},
		"no such store":          {args: "jobs list --results mysql://x", code: 2, want: `--results "mysql://x" is invalid`},
		"no store":               {args: "jobs list --results none", code: 1, want: "no results store: set --results (CORE_RESULTS)"},
		"no job id":              {args: "enqueue note --job-id=", code: 1, want: "a job's id must be 1 to 128 visible ASCII characters"},
		"no store to wait with":  {args: "enqueue note --wait --results none", code: 1, want: "--wait: no results store"},
		"an open API":            {args: "run --addr 0.0.0.0:0", code: 2, want: "is not loopback: set CORE_API_TOKEN"},
		"an API address in use":  {args: "run", code: 1, want: "is in use, perhaps by another 'core dev'"},
		"no such job to retry":   {args: "jobs retry j1", code: 1, want: `job "j1": there is no dead letter of it in any queue; enqueue it anew`},
		"dlq without a verb":     {args: "dlq", code: 2, want: "name one of: list, show, redrive, purge"},
		"dlq of no queue":        {args: "dlq list dfault", code: 1, want: `no task uses queue "dfault": this program has default, high-priority`},
		"no such reason":         {args: "dlq list default --reason tired", code: 2, want: `--reason "tired" is invalid: use one of [permanent`},
		"no such letter":         {args: "dlq show default j1", code: 1, want: `queue "default-dlq" has no dead letter of job "j1"`},
		"no such time":           {args: "dlq list default --since soon", code: 2, want: `"soon" is no length of time; use one such as 90s, 15m, 36h or 3d`},
		"too many days":          {args: "enqueue note --countdown 99999d", code: 2, want: `"99999d" is no length of time`},
		"a countdown of days":    {args: "enqueue note --countdown 3d --job-id=", code: 1, want: "a job's id must be"},
		"a time to come":         {args: "dlq redrive default --since -2h", code: 2, want: "--since -2h0m0s is invalid: it must be more than 0"},
		"redrive what":           {args: "dlq redrive default", code: 2, want: "say which letters: --job, --task, --reason, --since, or --all"},
		"redrive all or some":    {args: "dlq redrive default --all --task note", code: 2, want: "exclude each other"},
		"redrive at no rate":     {args: "dlq redrive default --all --rate NaN", code: 2, want: "--rate NaN is invalid"},
		"redrive too slowly":     {args: "dlq redrive default --all --rate 0.01", code: 2, want: "--rate 0.01 is invalid: it must be at least 0.05 letters a second"},
		"redrive backwards":      {args: "dlq redrive default --all --rate -1", code: 2, want: "--rate -1 is invalid"},
		"redrive no such job":    {args: "dlq redrive default --job j1", code: 1, want: `has no dead letter of job "j1"`},
		"purge what":             {args: "dlq purge default --yes", code: 2, want: "say which letters"},
		"purge without asking":   {args: "dlq purge default --all", code: 2, want: "there is no terminal to ask at: add --yes"},
		"queues without a verb":  {args: "queues", code: 2, want: "name one of: apply, list, purge"},
		"purge jobs unasked":     {args: "queues purge default", code: 2, want: "there is no terminal to ask at: add --yes"},
		"purge a wrong queue":    {args: "queues purge dfault", code: 1, want: `no task uses queue "dfault"`},
		"purge no such queue":    {args: "queues purge dfault --yes", code: 1, want: `no task uses queue "dfault": this program has default, high-priority`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(tc.args)
			if tc.last != "" {
				args = append(args, tc.last)
			}
			code, stdout, stderr := w.Run(t, tc.stdin, args...)
			checkFailure(t, code, stdout, stderr, tc.code, tc.want)
		})
	}
}

func checkFailure(t *testing.T, code int, stdout, stderr string, wantCode int, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != wantCode || stdout != "" || !strings.HasPrefix(stderr, "core: ") || !strings.Contains(lines[0], want) {
		t.Errorf("exit code %d, stdout %q, stderr %q\nwant %d and %q", code, stdout, stderr, wantCode, want)
	}
	if len(lines) != wantCode || strings.Contains(stderr, "goroutine") { // one line, and the pointer to --help after wrong usage
		t.Errorf("stderr has %d lines:\n%s", len(lines), stderr)
	}
}

// A wrong schedule is shown with a caret under the place.
func TestBadSchedule(t *testing.T) {
	t.Parallel()
	registry := tasks.NewRegistry(tasks.Periodic("a.b", func(context.Context) error { return nil }, tasks.Cron("0 24 * * *")))
	var stdout, stderr strings.Builder
	code := cli.Run(t.Context(), registry, []string{"queues", "list", "--local"}, strings.NewReader(""), &stdout, &stderr)
	want := "core: task \"a.b\": cron \"0 24 * * *\": hour: 24 is out of range: it must be 0 to 23\n  0 24 * * *\n    ^^\n"
	if code != 1 || stdout.String() != "" || stderr.String() != want {
		t.Errorf("exit code %d, stdout %q, stderr\n%s\nwant\n%s", code, &stdout, &stderr, want)
	}
}

// TestBadSurroundings takes away what the commands need.
func TestBadSurroundings(t *testing.T) {
	t.Parallel()
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>It works!</html>"))
	}))
	t.Cleanup(garbage.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetQueueUrl") {
			_, _ = fmt.Fprintf(w, `{"QueueUrl":"http://%s/000000000000/default"}`, r.Host)
			return
		}
		w.WriteHeader(http.StatusInternalServerError) // it may have carried the request out
	}))
	t.Cleanup(silent.Close)
	closed := mainjob.FreeAddr(t)
	creds := []string{"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"nothing embedded runs":    {env: []string{"CORE_LOCAL=1", "CORE_LOCAL_ADDR=" + closed}, args: []string{"enqueue", "note"}, want: "no embedded queue answers at " + closed + "; start one with"},
		"connection refused":       {env: append(creds, "AWS_ENDPOINT_URL=http://"+closed), args: []string{"enqueue", "note"}, want: "SQS can't be reached: dial tcp " + closed},
		"worker, refused":          {env: append(creds, "AWS_ENDPOINT_URL=http://"+closed, "AWS_MAX_ATTEMPTS=1"), args: []string{"queues", "list"}, want: "is something running at AWS_ENDPOINT_URL="},
		"garbage":                  {env: append(creds, "AWS_ENDPOINT_URL="+garbage.URL), args: []string{"enqueue", "note"}, want: "what answered is not SQS; check AWS_ENDPOINT_URL"},
		"an answer lost":           {env: append(creds, "AWS_ENDPOINT_URL="+silent.URL, "AWS_MAX_ATTEMPTS=1"), args: []string{"enqueue", "note", "--job-id", "mine"}, want: "; enqueue it again with --job-id mine: with a results store the work is done once"},
		"no region":                {env: creds[1:], args: []string{"worker"}, want: "no AWS region: set AWS_REGION"},
		"no credentials":           {env: creds[:1], args: []string{"worker"}, want: "no AWS credentials: set AWS_ACCESS_KEY_ID"},
		"no such profile":          {env: append(creds[:1:1], "AWS_PROFILE=nobody"), args: []string{"queues", "apply"}, want: "nobody"},
		"a variable without http":  {env: append(creds, "AWS_ENDPOINT_URL=127.0.0.1:4566"), args: []string{"queues", "list"}, want: `AWS_ENDPOINT_URL="127.0.0.1:4566" is invalid: it must be a URL, such as http://127.0.0.1:4566`},
		"a variable that is wrong": {env: append(creds, "CORE_CONCURRENCY=many"), args: []string{"worker"}, want: `CORE_CONCURRENCY="many" is invalid`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &mainjob.World{Dir: t.TempDir(), Env: tc.env}
			code, stdout, stderr := w.Run(t, "", tc.args...)
			wantCode := 1
			if strings.HasPrefix(name, "a variable") {
				wantCode = 2
			}
			checkFailure(t, code, stdout, stderr, wantCode, tc.want)
		})
	}
}

// TestBadState gives the embedded queue a state directory that it can't use.
func TestBadState(t *testing.T) {
	t.Parallel()
	state := func(w *mainjob.World) string { return filepath.Join(w.Dir, "queues.db") }
	for name, tc := range map[string]struct {
		prepare func(*testing.T, *mainjob.World)
		want    string
	}{
		"corrupt": {
			prepare: func(t *testing.T, w *mainjob.World) {
				t.Helper()
				if err := os.WriteFile(state(w), []byte(strings.Repeat("this is no database. ", 1000)), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "queues.db",
		},
		"locked": {
			prepare: func(t *testing.T, w *mainjob.World) {
				t.Helper()
				other := &mainjob.World{Dir: w.Dir, Env: []string{"CORE_LOCAL_ADDR=" + mainjob.FreeAddr(t)}}
				other.Start(t, "serving SQS", "local")
			},
			want: "in use by another process",
		},
		"a file where the directory should be": {
			prepare: func(t *testing.T, w *mainjob.World) {
				t.Helper()
				w.Dir = filepath.Join(w.Dir, "state")
				if err := os.WriteFile(w.Dir, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "choose another with CORE_STATE_DIR",
		},
		"a full disk": {
			prepare: func(t *testing.T, w *mainjob.World) {
				t.Helper()
				if _, err := os.Stat("/dev/full"); err != nil || runtime.GOOS != "linux" {
					t.Skip("needs /dev/full")
				}
				if err := os.Symlink("/dev/full", state(w)); err != nil {
					t.Fatal(err)
				}
			},
			want: "queues.db",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := mainjob.New(t)
			tc.prepare(t, w)
			code, stdout, stderr := w.Run(t, "", "dev")
			checkFailure(t, code, stdout, stderr, 1, tc.want)
		})
	}
}

// A worker that is told to stop before it has found its queues has nothing to fail at.
func TestAWorkerStoppedBeforeItBegan(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	ctx, stop := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that its client has gone
		stop()                             // asked for the first queue, it never answers
		<-r.Context().Done()
	}))
	defer silent.Close()
	t.Setenv("AWS_ENDPOINT_URL", silent.URL)
	note := tasks.Define("note", func(context.Context, struct{}) (string, error) { return "", nil })
	var stdout, stderr strings.Builder
	if code := cli.Run(ctx, tasks.NewRegistry(note), []string{"worker"}, nil, &stdout, &stderr); code != 0 || stderr.String() != "" {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}
