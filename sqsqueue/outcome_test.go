package sqsqueue_test

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/faultproxy"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// doubtDesk is a client whose requests pass a proxy with faults, on the way to an emulator.
type doubtDesk struct {
	*testing.T
	proxy  *faultproxy.Proxy
	direct *sqsqueue.Client // past the proxy
	client *sqsqueue.Client
	task   *tasks.Task[int, int]
	runs   atomic.Int32
	// expire makes the credentials expire once a request has been carried out.
	expire atomic.Bool
}

func newDoubtDesk(t *testing.T, tries int) *doubtDesk {
	t.Helper()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := httptest.NewServer(em.Handler())
	d := &doubtDesk{T: t}
	d.proxy = faultproxy.New(strings.TrimPrefix(endpoint.URL, "http://"), 1, func(faultproxy.Exchange) {
		if d.expire.Load() {
			d.proxy.Heal()
			d.proxy.Set(faultproxy.Expired, 1)
		}
	})
	front := httptest.NewServer(d.proxy)
	t.Cleanup(func() {
		d.proxy.Close()
		front.Close()
		endpoint.Close()
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	d.task = tasks.Define("t", func(_ context.Context, n int) (int, error) {
		d.runs.Add(1)
		return n, nil
	})
	d.direct = d.connect(em.SQS())
	if _, err := sqsqueue.Apply(t.Context(), d.direct, d.registry()); err != nil {
		t.Fatal(err)
	}
	d.client = d.connect(sqsqueue.NewAPI(testConfig(front.URL), func(o *sqs.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(2 * time.Second)
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = tries, 10*time.Millisecond })
	}))
	return d
}

func testConfig(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

func (d *doubtDesk) registry() *tasks.Registry { return tasks.NewRegistry(d.task) }

func (d *doubtDesk) connect(api sqsqueue.API) *sqsqueue.Client {
	d.Helper()
	client, err := sqsqueue.New(api, sqsqueue.Config{})
	if err != nil {
		d.Fatal(err)
	}
	if _, err := client.URL(d.Context(), "default"); err != nil && !errors.Is(err, sqsqueue.ErrQueueMissing) {
		d.Fatal(err)
	}
	return client
}

// waiting is how many messages the queue has.
func (d *doubtDesk) waiting() int {
	d.Helper()
	depths, err := sqsqueue.Depths(d.Context(), d.direct, d.registry())
	if err != nil {
		d.Fatal(err)
	}
	return depths[0].Waiting
}

// TestOutcomes: an error says that the job is not in the queue, or that this is not known; never the first where it is.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for fault, tc := range map[faultproxy.Fault]struct{ unknown, there bool }{
		faultproxy.ServerError:  {unknown: true},
		faultproxy.Unavailable:  {unknown: true},
		faultproxy.Throttled:    {},
		faultproxy.Expired:      {},
		faultproxy.ResetEarly:   {unknown: true},
		faultproxy.ResetLate:    {unknown: true, there: true},
		faultproxy.ResetHalfway: {unknown: true, there: true},
		faultproxy.Stall:        {unknown: true},
		faultproxy.StallLate:    {unknown: true, there: true},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			d := newDoubtDesk(t, 1)
			d.proxy.Set(fault, 1)
			job, err := d.task.Delay(t.Context(), d.client, 1)
			enqueue, ok := errors.AsType[*tasks.EnqueueError](err)
			if !ok || enqueue.Unknown() != tc.unknown || errors.Is(err, tasks.ErrUnknownOutcome) != tc.unknown || job.ID == "" {
				t.Errorf("%v", err)
			}
			if tc.unknown && !strings.Contains(err.Error(), "not known") {
				t.Errorf("the text is %v", err)
			}
			if there := d.waiting() > 0; there != tc.there {
				t.Errorf("the job is in the queue: %v", there)
			}
		})
	}
}

// TestAnEarlierTryDecides: the SDK tells of its last try, which was refused; the first may have been carried out.
func TestAnEarlierTryDecides(t *testing.T) {
	t.Parallel()
	d := newDoubtDesk(t, 2)
	d.proxy.Set(faultproxy.ResetLate, 1)
	d.expire.Store(true)
	_, err := d.task.Delay(t.Context(), d.client, 1)
	if d.proxy.Counts()[faultproxy.Expired] != 1 {
		t.Errorf("the second try met %v", d.proxy.Counts())
	}
	if !errors.Is(err, tasks.ErrUnknownOutcome) || d.waiting() == 0 {
		t.Errorf("%v, and %d messages", err, d.waiting())
	}
}

// TestRefusedBeforeItWasSent: nobody was there, nobody asked, or the queue does not exist.
func TestRefusedBeforeItWasSent(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	d := newDoubtDesk(t, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	client, err := sqsqueue.New(sqsqueue.NewAPI(testConfig(nobody), func(o *sqs.Options) { o.RetryMaxAttempts = 1 }), sqsqueue.Config{})
	if err != nil {
		t.Fatal(err)
	}
	other := tasks.Define("o", func(context.Context, int) (int, error) { return 0, nil }, tasks.Queue("nowhere"))
	for name, delay := range map[string]func() (tasks.Job, error){
		"nobody listens":      func() (tasks.Job, error) { return d.task.Delay(t.Context(), client, 1) },
		"the caller has left": func() (tasks.Job, error) { return d.task.Delay(ended, d.client, 1) },
		"no such queue":       func() (tasks.Job, error) { return other.Delay(t.Context(), d.client, 1) },
	} {
		if _, err := delay(); err == nil || errors.Is(err, tasks.ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheCallerLeavesWhileItIsSent: its context ends, and the request is under way.
func TestTheCallerLeavesWhileItIsSent(t *testing.T) {
	t.Parallel()
	d := newDoubtDesk(t, 1)
	d.proxy.Set(faultproxy.StallLate, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := d.task.Delay(ctx, d.client, 1); !errors.Is(err, tasks.ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestEnqueueAgainAfterALostAnswer: with a store, the same ID makes one run of two messages.
func TestEnqueueAgainAfterALostAnswer(t *testing.T) {
	t.Parallel()
	d := newDoubtDesk(t, 1)
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "jobs.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	queue := results.Track(d.client, store, nil)

	d.proxy.Set(faultproxy.Expired, 1)
	refused, err := d.task.Delay(t.Context(), queue, 1)
	if err == nil || errors.Is(err, tasks.ErrUnknownOutcome) {
		t.Fatalf("%v", err)
	}
	if _, err := store.Get(t.Context(), refused.ID); !errors.Is(err, results.ErrNotFound) {
		t.Errorf("a job that was refused has a record: %v", err)
	}

	d.proxy.Heal()
	d.proxy.Set(faultproxy.ResetLate, 1)
	job, err := d.task.Delay(t.Context(), queue, 7)
	if !errors.Is(err, tasks.ErrUnknownOutcome) {
		t.Fatalf("%v", err)
	}
	if r, err := store.Get(t.Context(), job.ID); err != nil || r.State != results.Queued {
		t.Errorf("the record of a job that may be in the queue: %+v, %v", r, err)
	}
	d.proxy.Heal()
	if again, err := d.task.Delay(t.Context(), queue, 7, tasks.JobID(job.ID)); err != nil || again.ID != job.ID {
		t.Fatal(again, err)
	}
	if n := d.waiting(); n != 2 {
		t.Fatalf("%d messages, want the lost one and the second", n)
	}
	recorder := results.NewRecorder(store, results.Config{})
	worker, err := sqsqueue.NewWorker(d.direct, d.registry(), sqsqueue.WorkerConfig{Recorder: recorder, ShutdownTimeout: time.Second, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	for ctx.Err() == nil {
		depths, err := sqsqueue.Depths(t.Context(), d.direct, d.registry())
		if err != nil {
			t.Fatal(err)
		}
		if depths[0].Waiting+depths[0].InFlight == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := errors.Join(<-ended, recorder.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got, err := d.task.Result(t.Context(), store, job.ID); got != 7 || err != nil || d.runs.Load() != 1 {
		t.Errorf("%d runs; result %v, %v", d.runs.Load(), got, err)
	}
}
