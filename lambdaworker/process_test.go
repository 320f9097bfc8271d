package lambdaworker_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator/lambda"
	"github.com/coretasks/core/internal/semantics"
	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// deployed is the suite's bootstrap on a queue whose messages come back soon after their function's death.
type deployed struct {
	*testing.T
	client  *sqsqueue.Client
	process *lambda.Process
	diary   string
}

func deploy(t *testing.T, binary string) *deployed {
	t.Helper()
	em := open(t)
	server := httptest.NewServer(em.Handler())
	t.Cleanup(server.Close)
	client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	registry := workload.Registry(tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: 5 * time.Second})
	if _, err := sqsqueue.Apply(t.Context(), client, registry); err != nil {
		t.Fatal(err)
	}
	process, isProcess := semantics.Bootstrap(binary, server.URL)(t, semantics.WorkOptions{}).(*lambda.Process)
	if !isProcess {
		t.Fatal("no process")
	}
	d := &deployed{T: t, client: client, process: process, diary: filepath.Join(t.TempDir(), "diary")}
	url, err := client.URL(t.Context(), tasks.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := lambda.NewMapping(t.Context(), em.SQS(), process, lambda.Config{
		QueueURL: url, Timeout: 5 * time.Second, Window: 300 * time.Millisecond, MaxConcurrency: 1, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		mapping.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		left, err := em.SQS().GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(url + "-dlq"), AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages"},
		})
		if err != nil || left.Attributes["ApproximateNumberOfMessages"] != "0" {
			t.Errorf("dead letters: %v, %v", left, err)
		}
	})
	return d
}

// ran returns how often each job has finished, by its N.
func (d *deployed) ran() map[int]int {
	d.Helper()
	entries, err := workload.Read(d.diary)
	if err != nil {
		d.Fatal(err)
	}
	runs := map[int]int{}
	for _, e := range entries {
		runs[e.N]++
	}
	return runs
}

func (d *deployed) await(what string, holds func() bool) {
	d.Helper()
	for deadline := time.Now().Add(40 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("waited in vain until %s; runs %v", what, d.ran())
		}
	}
}

// Whatever ends the process, no job is lost, and the next process goes on.
func TestProcessDies(t *testing.T) {
	t.Parallel()
	binary := semantics.Build(t)
	t.Run("a task calls os.Exit", func(t *testing.T) {
		t.Parallel()
		d := deploy(t, binary)
		if _, err := workload.OK.DelayMany(t.Context(), d.client, []workload.Params{{Diary: d.diary, N: 1}, {Diary: d.diary, N: 2}}); err != nil {
			t.Fatal(err)
		}
		if _, err := workload.Dies.Delay(t.Context(), d.client, workload.Params{Diary: d.diary, N: 3}); err != nil {
			t.Fatal(err)
		}
		d.await("the job that killed its process ran again", func() bool {
			runs := d.ran()
			return runs[1] > 0 && runs[2] > 0 && runs[3] == 2
		})
	})
	t.Run("kill -9 in the middle of a batch", func(t *testing.T) {
		t.Parallel()
		d := deploy(t, binary)
		batch := make([]workload.Params, 5)
		for i := range batch {
			batch[i] = workload.Params{Diary: d.diary, N: 700 + i} // milliseconds
		}
		if _, err := workload.Pause.DelayMany(t.Context(), d.client, batch); err != nil {
			t.Fatal(err)
		}
		d.await("the jobs began", func() bool { return len(d.ran()) == len(batch) })
		for _, pid := range d.process.PIDs() {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		d.await("all ran again, to their end", func() bool {
			for _, p := range batch {
				if d.ran()[p.N] < 3 { // begun, begun again and ended
					return false
				}
			}
			return true
		})
	})
}

// What finished before its process died is skipped with a results store, and runs again without one.
func TestFinishedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int32{"with a store": 1, "without": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opts []lambdaworker.Option
			if want == 1 {
				store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "jobs.db"), sqlitestore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				recorder := results.NewRecorder(store, results.Config{})
				t.Cleanup(func() {
					if err := errors.Join(recorder.Close(context.Background()), store.Close()); err != nil {
						t.Error(err)
					}
				})
				opts = append(opts, lambdaworker.Recorder(recorder))
			}
			var runs atomic.Int32
			task := tasks.Define("count", func(context.Context, params) (int, error) { return int(runs.Add(1)), nil })
			f := newFunction(t, tasks.NewRegistry(task), opts...)
			f.wantFailed(f.invoke(time.Minute, job("count", 1))) // Lambda never gets this answer
			again := job("count", 1)
			again.Attributes["ApproximateReceiveCount"] = "2"
			f.wantFailed(f.invoke(time.Minute, again))
			if n := runs.Load(); n != want {
				t.Errorf("ran %d times, want %d", n, want)
			}
		})
	}
}

// A function that can't start says why, to Lambda and in its log.
func TestInitErrors(t *testing.T) {
	t.Parallel()
	binary := semantics.Build(t)
	aws := []string{"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	for _, tt := range []struct {
		name, want string
		env        []string
	}{
		{"no region", "AWS_REGION is not set", nil},
		{"no credentials", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", aws[:1]},
		{"a wrong setting", `CORE_CONCURRENCY="many" is invalid`, append(aws, "CORE_CONCURRENCY=many")},
		{"a wrong duration", `CORE_GRACE="soon" is invalid`, append(aws, "CORE_GRACE=soon")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log lines
			p, err := lambda.NewProcess(binary, lambda.ProcessConfig{Env: tt.env, Output: &log})
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Invoke(t.Context(), lambda.Request{ID: "1"})
			if problem := (*lambda.InvocationError)(nil); !errors.As(err, &problem) || !strings.Contains(problem.Message, tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Started by hand, it says what to do.
func TestStartOutsideLambda(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), semantics.Build(t)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "try the function here with 'core dev --lambda BINARY'") {
		t.Errorf("%v: %s", err, out)
	}
}
