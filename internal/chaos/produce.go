package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/internal/chaos/clock"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// producing is what a producer was asked for.
type producing struct {
	name, endpoint, api, prefix, store string
	seed                               uint64
	count                              int
	rate                               float64 // jobs a second
}

func (p *producing) args() []string {
	return []string{
		"-name", p.name, "-endpoint", p.endpoint, "-api", p.api, "-prefix", p.prefix, "-store", p.store,
		"-seed", fmt.Sprint(p.seed), "-count", fmt.Sprint(p.count), "-rate", fmt.Sprint(p.rate),
	}
}

func parseProducing(args []string) (*producing, error) {
	p := &producing{}
	flags := flag.NewFlagSet("producer", flag.ContinueOnError)
	flags.StringVar(&p.name, "name", "", "")
	flags.StringVar(&p.endpoint, "endpoint", "", "")
	flags.StringVar(&p.api, "api", "", "")
	flags.StringVar(&p.prefix, "prefix", "", "")
	flags.StringVar(&p.store, "store", "", "")
	flags.Uint64Var(&p.seed, "seed", 0, "")
	flags.IntVar(&p.count, "count", 0, "")
	flags.Float64Var(&p.rate, "rate", 0, "")
	return p, flags.Parse(args)
}

// newAPI is an SQS client as a user's program has it.
func newAPI(endpoint string) *sqs.Client {
	return sqsqueue.NewAPI(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// How many jobs a producer sends at once, and how many in bulk.
const (
	senders  = 8
	bulkSize = 20
)

// A producer sends jobs and notes what became of each send. Started again after a kill it goes on where its notes end.
type producer struct {
	*producing
	sqs    *sqs.Client
	client *sqsqueue.Client
	to     tasks.Sender
	store  results.Store // nil where there is none
	tasks  definitions

	mu    sync.Mutex
	notes *os.File
}

func produce(dir string) error {
	asked, err := parseProducing(os.Args[1:])
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "producer-"+asked.name)
	done, err := lastTried(path)
	if err != nil {
		return err
	}
	p := &producer{producing: asked, sqs: newAPI(asked.endpoint), tasks: remote()}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if p.client, err = sqsqueue.New(p.sqs, sqsqueue.Config{Prefix: asked.prefix, Logger: logger}); err != nil {
		return err
	}
	p.to = p.client
	if asked.store != "" {
		if p.store, err = sqlitestore.Open(asked.store, sqlitestore.Options{}); err != nil {
			return err
		}
		p.to = results.Track(p.client, p.store, logger)
	}
	if p.notes, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p.run(ctx, done)
	err = p.client.Close(context.WithoutCancel(ctx))
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	return errors.Join(err, p.notes.Close())
}

// lastTried is how far an earlier life of this producer got.
func lastTried(path string) (int, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	last := 0
	for line := range strings.Lines(string(text)) {
		n := 0
		if _, err := fmt.Sscanf(line, "try %d\n", &n); err == nil {
			last = max(last, n)
		}
	}
	return last, err
}

func (p *producer) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.notes, format+"\n", args...) // what is not noted counts as unknown
}

// run sends at the rate, in bursts now and then, since queues are not filled evenly.
func (p *producer) run(ctx context.Context, done int) {
	next := make(chan int)
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for n := range next {
				p.one(context.WithoutCancel(ctx), n)
			}
		})
	}
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for due := 0.0; done < p.count && ctx.Err() == nil; <-pace.C {
		for due += p.rate / 10; due >= 1 && done < p.count; {
			done++
			weight := 1
			if bulk(done) {
				weight = bulkSize
			}
			due -= float64(weight)
			select {
			case next <- done:
			case <-ctx.Done():
			}
		}
	}
	close(next)
	all.Wait()
}

// tries is how many tries make so many jobs, about.
func tries(jobs int) int { return jobs * 40 / (39 + bulkSize) }

// bulk reports whether a try sends many jobs at once.
func bulk(n int) bool { return n%40 == 0 }

// one is one try: its jobs are decided by the seed and its number alone.
func (p *producer) one(ctx context.Context, n int) {
	random := rand.New(rand.NewPCG(p.seed, uint64(n)))
	p.note("try %d", n)
	switch {
	case bulk(n):
		many := make([]params, bulkSize)
		for i := range many {
			many[i] = params{Kind: kindQuick, Millis: random.IntN(20)}
		}
		jobs, err := p.tasks.work.DelayMany(ctx, p.to, many)
		failed := map[int]error{}
		if bulk := (*tasks.BulkError)(nil); errors.As(err, &bulk) {
			for _, item := range bulk.Items {
				failed[item.Index] = item.Err
			}
		}
		for i, job := range jobs {
			p.outcome(job.ID, kindQuick, failed[i])
		}
		return
	case n%97 == 0:
		p.malformed(ctx, n)
		return
	}
	what, countdown := draw(random)
	if what.Kind == kindCancel && p.store == nil {
		what.Kind = kindQuick
	}
	way := p.direct()
	if n%4 == 1 {
		way = p.overHTTP()
	}
	id := uuid.Must(uuid.NewV7()).String()
	for attempt := 1; ; attempt++ {
		again := p.outcome(id, what.Kind, way.send(ctx, id, what, countdown))
		if !again || p.store == nil || attempt == 20 {
			break
		}
		time.Sleep(300 * time.Millisecond) // unknown: with a store the same ID may be sent again
	}
	switch {
	case what.Kind == kindCancel:
		if state, err := way.cancel(ctx, id); err == nil {
			p.note("cancel %s %s %d", id, state, clock.True().UnixMicro())
		}
	case n%64 == 1 && p.store != nil:
		p.follow(ctx, id)
	}
}

// A way is one that jobs are enqueued by.
type way struct {
	send   func(ctx context.Context, id string, what params, countdown time.Duration) error
	cancel func(ctx context.Context, id string) (results.State, error)
}

// direct is by this process's own client and store.
func (p *producer) direct() way {
	return way{
		send: func(ctx context.Context, id string, what params, countdown time.Duration) error {
			_, err := p.tasks.of(what.Kind).Delay(ctx, p.to, what, tasks.JobID(id), tasks.Countdown(countdown))
			return err
		},
		cancel: func(ctx context.Context, id string) (results.State, error) {
			record, err := p.store.Cancel(ctx, id, time.Time{})
			return record.State, err
		},
	}
}

// draw makes up a job and its countdown.
func draw(random *rand.Rand) (params, time.Duration) {
	what := params{Kind: kindQuick, Millis: random.IntN(10)}
	var countdown time.Duration
	switch at := random.IntN(100); {
	case at < 6:
		what.Kind, what.Millis = kindSlow, 500+random.IntN(2500)
	case at < 14:
		what.Kind, what.Fail = kindFlaky, 1+random.IntN(2)
	case at < 16:
		what.Kind = kindPermanent
	case at < 17:
		what.Kind, what.Fail = kindPanic, 1
	case at < 19:
		what.Kind, what.Fail = kindExhausted, 1000
	case at < 20:
		what.Kind = kindTimeout
	case at < 23:
		what.Kind = kindCancel
		countdown = 5 * time.Second
	case at < 30:
		what.Kind = kindOther
	case at < 35:
		countdown = time.Duration(1+random.IntN(5)) * time.Second
	}
	return what, countdown
}

// outcome notes what a send came to and reports whether that is not known.
func (p *producer) outcome(id, kind string, err error) (unknown bool) {
	switch {
	case err == nil:
		p.note("accepted %s %s", id, kind)
		return false
	case refused(err):
		p.note("refused %s %s %s", id, kind, strings.ReplaceAll(err.Error(), "\n", " "))
		return false
	}
	p.note("unknown %s %s %s", id, kind, strings.ReplaceAll(err.Error(), "\n", " "))
	return true
}

// malformed sends what no program of ours would.
func (p *producer) malformed(ctx context.Context, n int) {
	body := fmt.Sprintf("malformed-%s-%d", p.name, n)
	url, err := p.client.URL(ctx, tasks.DefaultQueue)
	if err != nil {
		return
	}
	_, err = p.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("0"), MessageBody: &body},
	}})
	if err != nil {
		err = errors.Join(err, tasks.ErrUnknownOutcome) // the SDK does not tell the two apart
	}
	p.outcome(body, "malformed", err)
}

// refused reports whether a send's error says that nothing was sent.
func refused(err error) bool { return !errors.Is(err, tasks.ErrUnknownOutcome) }
