package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// CleanShutdowns sends the jobs while every worker is stopped by SIGTERM over and over, with no other fault: the ledger's
// duplicates are those that clean shutdowns make. There is no store that would hide them.
func CleanShutdowns(ctx context.Context, cfg Config) (*Ledger, error) {
	cfg.Store = false
	w, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer w.close()
	began := time.Now()
	if err := w.startAll(); err != nil {
		return nil, err
	}
	for i := 0; time.Since(began) < cfg.Duration; i++ {
		if !sleep(ctx, 1500*time.Millisecond) {
			return nil, ctx.Err()
		}
		if e := (event{what: stopWorker, victim: i}); w.strike(e) {
			w.counts[e.name()]++
		}
	}
	w.suffer(ctx, nil)
	l := newLedger(cfg, w.counts)
	w.settle(ctx, l)
	l.stop(w.workers...)
	found, err := w.collect(ctx)
	if err != nil {
		return nil, err
	}
	l.balance(found)
	for _, j := range found.jobs {
		// A run that a shutdown interrupts is given back and begins again, and that is none: it had no effect.
		if len(j.ends) > 1 {
			l.violate("job %s had its effect %d times", j.id, len(j.ends))
		}
	}
	l.Took = time.Since(began)
	return l, nil
}

// Recovery kills a worker in the middle of its jobs and returns how long each took to start in another worker, which is
// there already, counted from the kill.
func Recovery(ctx context.Context, cfg Config, visibility time.Duration) ([]time.Duration, error) {
	const jobs = concurrency
	w, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer w.close()
	victim, err := w.startWorker(0)
	if err != nil {
		return nil, err
	}
	client, err := sqsqueue.New(newAPI("http://"+w.queueAddr), sqsqueue.Config{Prefix: w.prefix})
	if err != nil {
		return nil, err
	}
	long := make([]params, jobs)
	for i := range long {
		long[i] = params{Kind: kindSlow, Millis: int((visibility + 2*time.Second).Milliseconds())}
	}
	if _, err := remote().work.DelayMany(ctx, client, long); err != nil {
		return nil, err
	}
	if err := w.await(ctx, func(e *evidence) bool { return e.starts() == jobs }); err != nil {
		return nil, err
	}
	if _, err := w.startWorker(1); err != nil {
		return nil, err
	}
	if !sleep(ctx, visibility/2) { // in the middle, heartbeats included
		return nil, ctx.Err()
	}
	victim.kill()
	killed := time.Now()
	if err := w.await(ctx, func(e *evidence) bool { return e.starts() == 2*jobs }); err != nil {
		return nil, err
	}
	e := &evidence{jobs: map[string]*job{}}
	if err := w.readDiaries(e); err != nil {
		return nil, err
	}
	var took []time.Duration
	for _, j := range e.jobs {
		slices.SortFunc(j.starts, byTime)
		took = append(took, j.starts[len(j.starts)-1].at.Sub(killed))
	}
	slices.Sort(took)
	return took, nil
}

// Visibility is the visibility timeout of the experiments' queues.
const Visibility = visibility

func (e *evidence) starts() (n int) {
	for _, j := range e.jobs {
		n += len(j.starts)
	}
	return n
}

func (e *evidence) ends() (n int) {
	for _, j := range e.jobs {
		n += len(j.ends)
	}
	return n
}

// await looks into the diaries until they say what is wanted.
func (w *world) await(ctx context.Context, holds func(*evidence) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("waited in vain for the jobs"))
	defer cancel()
	for {
		e := &evidence{jobs: map[string]*job{}}
		if err := w.readDiaries(e); err != nil {
			return err
		}
		if holds(e) {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// Malformed works so many messages, of which each tenth is malformed where bad is set, and returns how long that took,
// from the worker's start to the last good job's end. The error says what was not worked or not dead-lettered.
func Malformed(ctx context.Context, cfg Config, bad bool) (time.Duration, error) {
	w, err := open(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer w.close()
	malformed, err := w.fill(ctx, bad)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := w.startWorker(0); err != nil {
		return 0, err
	}
	good := cfg.Jobs - cfg.Jobs/10
	if err := w.await(ctx, func(e *evidence) bool { return e.ends() >= good }); err != nil {
		return 0, err
	}
	e := &evidence{jobs: map[string]*job{}}
	if err := w.readDiaries(e); err != nil {
		return 0, err
	}
	var last time.Time
	for _, j := range e.jobs {
		slices.SortFunc(j.ends, byTime)
		if end := j.ends[0].at; end.After(last) {
			last = end
		}
	}
	l := newLedger(cfg, nil)
	w.recover(ctx, l)
	if err := w.takeLetters(ctx); err != nil {
		return 0, err
	}
	for id, letter := range w.letters {
		if letter.reason == string(tasks.ReasonMalformed) && strings.HasPrefix(id, "malformed-") {
			malformed--
		}
	}
	if malformed != 0 || len(e.jobs) != good || len(l.Violations) > 0 {
		return 0, fmt.Errorf("%d malformed messages are not in the dead-letter queue, %d of %d jobs were worked, %v", malformed, len(e.jobs), good, l.Violations)
	}
	return last.Sub(began), nil
}

// fill puts nine tenths of the jobs into the queue, with malformed messages between them where bad is set.
func (w *world) fill(ctx context.Context, bad bool) (malformed int, err error) {
	api := newAPI("http://" + w.queueAddr)
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: w.prefix})
	if err != nil {
		return 0, err
	}
	url, err := client.URL(ctx, tasks.DefaultQueue)
	if err != nil {
		return 0, err
	}
	work := remote().work
	for range w.Jobs / 100 {
		if _, err := work.DelayMany(ctx, client, make([]params, 90)); err != nil {
			return 0, err
		}
		if !bad {
			continue
		}
		var entries []types.SendMessageBatchRequestEntry
		for range 10 {
			body := "malformed-" + strconv.Itoa(malformed)
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(malformed)), MessageBody: &body})
			malformed++
		}
		if _, err := api.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries}); err != nil {
			return 0, err
		}
	}
	return malformed, client.Close(ctx)
}

// Soak works jobs at a steady rate for the whole duration, while two of the three workers are stopped or killed in turn every six
// seconds, and judges what the processes that live through hold: the third worker, a scheduler, the HTTP API and the emulator.
func Soak(ctx context.Context, cfg Config) (*SoakReport, error) {
	w, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.startAll(); err != nil {
		return nil, err
	}
	began := time.Now()
	for i := 0; time.Since(began) < cfg.Duration; i++ {
		if !sleep(ctx, 6*time.Second) {
			return nil, ctx.Err()
		}
		e := event{what: stopWorker, victim: i / 2}
		if i%2 == 1 {
			e.what = killWorker
		}
		if w.strike(e) {
			w.counts[e.name()]++
		}
		// What nobody takes grows by itself.
		if err := w.takeLetters(ctx); err != nil {
			return nil, err
		}
	}
	r := &SoakReport{Took: time.Since(began), Restarts: sum(w.counts)}
	for _, s := range []*service{w.workers[0], w.schedulers[0], w.api, w.queue} {
		r.Processes = append(r.Processes, judge(s.name, samples(w.Dir, s.pid()), began, time.Now()))
	}
	w.suffer(ctx, nil)
	l := newLedger(cfg, w.counts)
	w.settle(ctx, l)
	l.stop(w.workers...)
	found, err := w.collect(ctx)
	if err != nil {
		return nil, err
	}
	l.balance(found)
	l.Took = time.Since(began)
	r.Ledger = l
	return r, nil
}
