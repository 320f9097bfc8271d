package mainjob

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Run runs the suite; enter makes the world of one case, whose endpoint answers.
func Run(t *testing.T, enter func(*testing.T) *World) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *World){
		"enqueue, delay, work, retry, die":                killedByNothing,
		"a worker killed in the middle of ten jobs":       killedInTheMiddle,
		"a worker that is told to stop in the middle":     stoppedInTheMiddle,
		"jobs that kill their worker":                     poison,
		"records, results and cancelling":                 recordsAndResults,
		"duplicates with a results store":                 duplicates,
		"a worker whose queues are missing or do not fit": queuesThatDoNotFit,
		"a periodic task that core scheduler fires":       periodic,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, enter(t))
		})
	}
}

func killedByNothing(t *testing.T, w *World) {
	first := w.Must(t, "queues", "apply")
	if strings.Count(first, "created") != 4 {
		t.Errorf("the first apply says\n%s", first)
	}
	if second := w.Must(t, "queues", "apply"); strings.Count(second, "unchanged") != 4 {
		t.Errorf("the second apply says\n%s", second)
	}
	w.Must(t, "doctor")
	worker := w.Start(t, "worker started", "worker", "--queue", "default", "--queue", "high-priority", "--concurrency", "4", "--shutdown-timeout", "4s")

	now := w.Must(t, "enqueue", "note", `{"text":"now"}`)
	urgent := w.Must(t, "enqueue", "note.urgent", `{"text":"urgent"}`)
	sent := time.Now()
	later := w.Must(t, "enqueue", "note", `{"text":"later"}`, "--countdown", "3s")
	flaky := w.Must(t, "enqueue", "note", `{"text":"flaky","fail":2}`)
	dead := w.Must(t, "enqueue", "note", `{"text":"Zoë","fail":9,"permanent":true}`)
	Await(t, "four jobs have ended", func() bool { return w.Count(t, "end") == 4 })
	Await(t, "one is dead", func() bool {
		for queue, d := range w.depths(t) {
			if strings.HasSuffix(queue, "default") {
				return d.Dead == 1 && d.Waiting+d.Delayed+d.InFlight == 0
			}
		}
		return false
	})

	starts := map[string][]deed{}
	for _, d := range w.diary(t) {
		if d.what == "start" {
			starts[d.job] = append(starts[d.job], d)
		}
	}
	for id, want := range map[string]int{now: 1, urgent: 1, later: 1, flaky: 3, dead: 1} {
		if got := len(starts[id]); got != want {
			t.Errorf("job %s started %d times, want %d", id, got, want)
		}
	}
	if waited := starts[later][0].at.Sub(sent); waited < 2900*time.Millisecond { // the clock started before the command did
		t.Errorf("the job with a countdown of 3s ran after %v", waited)
	}
	for i := 1; i < 3; i++ {
		if gap := starts[flaky][i].at.Sub(starts[flaky][i-1].at); gap < 1900*time.Millisecond {
			t.Errorf("retry %d came after %v, want the delay of 2s", i, gap)
		}
	}
	letter := w.deadLetter(t)
	if reason, text := attribute(letter, "reason"), attribute(letter, "error"); reason != "permanent" || text != `no user "Zoë"` || attribute(letter, "job_id") != dead {
		t.Errorf("the dead letter says %q, %q", reason, text)
	}
	if code, took := worker.Terminate(t); code != 0 || took > 5*time.Second {
		t.Errorf("the worker ended with %d after %v", code, took)
	}
	for _, line := range []string{"job started", "job succeeded", "job failed; it will be retried", "job is dead", "worker stopped"} {
		if !strings.Contains(worker.Text(), line) {
			t.Errorf("the worker's log lacks %q", line)
		}
	}
}

func killedInTheMiddle(t *testing.T, w *World) {
	w.Must(t, "queues", "apply")
	victim := w.Start(t, "worker started", "worker", "--concurrency", "10")
	for i := range 10 {
		w.Must(t, "enqueue", "note", fmt.Sprintf(`{"text":"%d","millis":2500}`, i))
	}
	Await(t, "all ten run or have run", func() bool { return w.Count(t, "start") == 10 })
	victim.Kill()
	finished := w.Count(t, "end")
	if finished == 10 {
		t.Fatal("the worker was killed too late to prove anything")
	}
	heir := w.Start(t, "worker started", "worker", "--concurrency", "10", "--shutdown-timeout", "4s")
	Await(t, "all ten have ended", func() bool { return w.Count(t, "end") == 10 })
	Await(t, "the queue is empty", func() bool { return w.empty(t) })
	if code, _ := heir.Terminate(t); code != 0 {
		t.Errorf("the second worker ended with %d", code)
	}
}

func stoppedInTheMiddle(t *testing.T, w *World) {
	w.Must(t, "queues", "apply")
	first := w.Start(t, "worker started", "worker", "--concurrency", "2", "--shutdown-timeout", "8s")
	for i := range 6 {
		w.Must(t, "enqueue", "note", fmt.Sprintf(`{"text":"%d","millis":1500}`, i))
	}
	Await(t, "two run", func() bool { return w.Count(t, "start") >= 2 })
	if code, took := first.Terminate(t); code != 0 || took > 8*time.Second {
		t.Errorf("the worker ended with %d after %v, want 0 within 8s", code, took)
	}
	if started, ended := w.Count(t, "start"), w.Count(t, "end"); started != ended {
		t.Errorf("%d jobs were started and %d ended", started, ended)
	}
	second := w.Start(t, "worker started", "worker", "--concurrency", "4", "--shutdown-timeout", "4s")
	Await(t, "all six have ended", func() bool { return w.Count(t, "end") == 6 })
	Await(t, "the queue is empty", func() bool { return w.empty(t) })
	if code, _ := second.Terminate(t); code != 0 {
		t.Errorf("the second worker ended with %d", code)
	}
	if deeds := w.diary(t); len(deeds) != 12 {
		t.Errorf("%d entries for six jobs: some were started twice: %v", len(deeds), deeds)
	}
}

func queuesThatDoNotFit(t *testing.T, w *World) {
	code, _, stderr := w.Run(t, "", "worker")
	if code != 1 || !strings.Contains(stderr, "does not exist") || !strings.Contains(stderr, "queues apply") {
		t.Errorf("without queues: %d, %s", code, stderr)
	}
	if code, _, stderr := w.Run(t, "", "enqueue", "note"); code != 1 || !strings.Contains(stderr, "does not exist; create it with 'core queues apply'") {
		t.Errorf("enqueue without queues: %d, %s", code, stderr)
	}
	w.Must(t, "queues", "apply")
	api, prefix := w.API()
	url := w.queueURL(t, api, prefix+"default")
	_, err := api.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"RedrivePolicy": "", "VisibilityTimeout": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	worker := w.Start(t, "worker started", "worker", "--shutdown-timeout", "1s")
	for _, want := range []string{"it has no redrive policy", "its VisibilityTimeout is 1 s; the tasks want 5 s", "queues apply"} {
		if !strings.Contains(worker.Text(), want) {
			t.Errorf("the worker does not say %q:\n%s", want, worker.Text())
		}
	}
	if code, stdout, _ := w.Run(t, "", "doctor"); code != 1 || strings.Count(stdout, "FAIL") != 2 {
		t.Errorf("doctor: %d\n%s", code, stdout)
	}
	w.Must(t, "queues", "apply")
	w.Must(t, "doctor")
}

func (w *World) empty(t *testing.T) bool {
	t.Helper()
	for _, d := range w.depths(t) {
		if d.Waiting+d.Delayed+d.InFlight > 0 {
			return false
		}
	}
	return true
}

// API is a plain SQS client of the endpoint, such as any other program has.
func (w *World) API() (api *sqs.Client, prefix string) {
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	for _, v := range w.Env {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "CORE_LOCAL_ADDR":
			cfg.BaseEndpoint = aws.String("http://" + value)
		case "AWS_ENDPOINT_URL":
			cfg.BaseEndpoint = aws.String(value)
		case "AWS_REGION":
			cfg.Region = value
		case "CORE_QUEUE_PREFIX":
			prefix = value
		}
	}
	return sqs.NewFromConfig(cfg), prefix
}

func (w *World) queueURL(t *testing.T, api *sqs.Client, name string) *string {
	t.Helper()
	out, err := api.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrl
}

// deadLetter receives the one dead letter of the default queue.
func (w *World) deadLetter(t *testing.T) types.Message {
	t.Helper()
	api, prefix := w.API()
	out, err := api.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: w.queueURL(t, api, prefix+"default-dlq"), MessageAttributeNames: []string{"All"}, MaxNumberOfMessages: 10,
	})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("dead letters: %v, %v", out, err)
	}
	return out.Messages[0]
}

func attribute(m types.Message, name string) string {
	return aws.ToString(m.MessageAttributes[name].StringValue)
}

// recordsAndResults asks what became of jobs, from other processes than those that work them.
func recordsAndResults(t *testing.T, w *World) {
	if code, _, stderr := w.Run(t, "", "results", "apply", "--results", "none"); code != 1 || !strings.Contains(stderr, "--results") {
		t.Errorf("apply without a store: %d, %s", code, stderr)
	}
	w.Env = append(w.Env, "CORE_RESULTS=sqlite://"+filepath.Join(w.Dir, "jobs.db"))
	if first, second := w.Must(t, "results", "apply"), w.Must(t, "results", "apply"); !strings.Contains(first, "created the file") || !strings.Contains(second, "unchanged") {
		t.Errorf("results apply says\n%s\nand then\n%s", first, second)
	}
	w.Must(t, "queues", "apply")
	early := w.Must(t, "enqueue", "note", `{"text":"early"}`)
	w.Must(t, "jobs", "cancel", early)
	worker := w.Start(t, "worker started", "worker", "--concurrency", "4", "--shutdown-timeout", "4s")

	if got := w.Must(t, "enqueue", "note", `{"text":"hello"}`, "--wait", "--timeout", "30s"); got != `"hello"` {
		t.Errorf("the result is %s", got)
	}
	code, stdout, stderr := w.Run(t, "", "enqueue", "note", `{"text":"x","fail":9,"permanent":true}`, "--wait", "--timeout", "30s")
	if code != 1 || stdout != "" || !strings.Contains(stderr, `is dead (permanent): no user "x"`) {
		t.Errorf("a dead job: %d, %q, %q", code, stdout, stderr)
	}
	flaky := w.Must(t, "enqueue", "note", `{"text":"flaky","fail":1}`)
	if got := w.Must(t, "jobs", "watch", flaky, "--timeout", "30s"); !strings.Contains(got, "succeeded") || !strings.Contains(got, `"flaky"`) {
		t.Errorf("watch printed\n%s", got)
	}
	long := w.Must(t, "enqueue", "note", `{"text":"long","millis":60000}`)
	Await(t, "the long job runs", func() bool { return strings.Contains(w.Must(t, "jobs", "get", long), "running") })
	w.Must(t, "jobs", "cancel", long)
	Await(t, "the long job is cancelled", func() bool { return strings.Contains(w.Must(t, "jobs", "get", long), "cancelled") })
	if code, _, stderr := w.Run(t, "", "jobs", "cancel", long); code != 1 || !strings.Contains(stderr, "the job is finished (cancelled)") {
		t.Errorf("cancelling twice: %d, %s", code, stderr)
	}
	for state, want := range map[string]int{"succeeded": 2, "dead": 1, "cancelled": 2, "running": 0} {
		if got := strings.Count(w.Must(t, "jobs", "list", "--state", state), " "+state+" "); got != want {
			t.Errorf("%d jobs are listed as %s, want %d", got, state, want)
		}
	}
	Await(t, "the queue is empty", func() bool { return w.empty(t) })
	for _, d := range w.diary(t) {
		if d.job == early {
			t.Error("a job that was cancelled before it began has run")
		}
	}
	if code, _ := worker.Terminate(t); code != 0 {
		t.Errorf("the worker ended with %d", code)
	}
}
