package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/faultproxy"
	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// suffer lets the events happen and waits for the producers to end.
func (w *world) suffer(ctx context.Context, events []event) {
	began := time.Now()
	var ending sync.WaitGroup
	rates := map[faultproxy.Fault]float64{}
	var mu sync.Mutex // of rates and outages
	blow := func(f faultproxy.Fault, by float64) {
		mu.Lock()
		defer mu.Unlock()
		rates[f] += by
		w.proxy.Set(f, max(rates[f], 0))
	}
	for _, e := range events {
		if !sleep(ctx, time.Until(began.Add(e.at))) {
			break
		}
		switch e.what {
		case weather:
			blow(e.fault, e.rate)
			ending.Go(func() {
				sleep(ctx, e.length)
				blow(e.fault, -e.rate)
			})
		case fillQueue:
			w.queue.signal(diskFull)
			ending.Go(func() {
				sleep(ctx, e.length)
				w.queue.signal(diskFree)
			})
		case fillStore:
			victim := w.workers[e.victim%workers]
			pid := victim.pid()
			out := interval{pid: pid, begin: time.Now(), end: time.Now().Add(e.length + catchUp)}
			w.outages = append(w.outages, out)
			w.spared[pid] = out.end
			victim.signal(diskFull)
			ending.Go(func() {
				sleep(ctx, e.length)
				victim.signal(diskFree)
			})
		default:
			if !w.strike(e) {
				continue
			}
		}
		w.Log("%6.1f s  %s", time.Since(began).Seconds(), e.name())
		w.counts[e.name()]++
	}
	ending.Wait()
	w.proxy.Heal()
	for _, p := range w.producers {
		select {
		case <-p.done:
		case <-ctx.Done():
		}
	}
}

// catchUp is how long a worker may take to tell the store what that could not take: it tries every 2 s.
const catchUp = 6 * time.Second

// strike ends a process, unless nobody is there to be struck.
func (w *world) strike(e event) bool {
	switch e.what {
	case killWorker, stopWorker:
		victim := w.workers[1+e.victim%(workers-1)]
		pid := victim.pid()
		if time.Now().Before(w.spared[pid]) {
			return false
		}
		if e.what == stopWorker {
			if w.told[pid] {
				return false // a second signal means: at once
			}
			w.told[pid] = true
			victim.signal(syscall.SIGTERM)
		} else {
			victim.signal(syscall.SIGKILL)
		}
	case killProducer:
		victim := w.producers[e.victim%producers]
		select {
		case <-victim.done:
			return false
		default:
			victim.signal(syscall.SIGKILL)
		}
	case killScheduler:
		w.schedulers[e.victim%len(w.schedulers)].signal(syscall.SIGKILL)
	case killAPI:
		w.api.signal(syscall.SIGKILL)
	case killQueue:
		w.queue.signal(syscall.SIGKILL)
	case stepQueue, stepRestart:
		w.steps = append(w.steps, interval{begin: time.Now(), end: time.Now().Add(visibility)})
		if !w.step(w.queue, e.step) {
			return false
		}
		if e.what == stepRestart {
			w.queue.signal(syscall.SIGKILL)
		}
	case stepOther:
		others := slices.Concat(w.workers, w.schedulers, w.producers, []*service{w.api})
		return w.step(others[e.victim%len(others)], e.step)
	}
	return true
}

// step sets a service's clock.
func (w *world) step(s *service, ahead time.Duration) bool {
	err := s.setClock(ahead)
	if err != nil {
		w.Log("the clock of %s can't be set: %v", s.name, err)
	}
	return err == nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// drainLimit is how long the queues may take to be empty when all faults have ended.
const drainLimit = 2 * time.Minute

// settle stops what makes jobs and waits until all work is done, without faults.
func (w *world) settle(ctx context.Context, l *Ledger) {
	if len(w.schedulers) > 1 { // the tick of one that was killed is another's a lease after that has begun to watch
		sleep(ctx, 2*ticker.Lease)
	}
	l.stop(slices.Concat(w.schedulers, []*service{w.api})...)
	w.recover(ctx, l)
}

// recover waits until all work is done, without faults.
func (w *world) recover(ctx context.Context, l *Ledger) {
	began, calm := time.Now(), 0
	for calm < 3 {
		if !sleep(ctx, 500*time.Millisecond) {
			return
		}
		left, err := w.depths(ctx)
		switch {
		case err == nil && left == "":
			calm++
		case time.Since(began) > drainLimit:
			l.violate("the queues are not empty %v after the last fault: %s (%v)", drainLimit, left, err)
			return
		default:
			calm = 0
		}
	}
	l.Recovery = time.Since(began)
}

// depths says what is left in the queues.
func (w *world) depths(ctx context.Context) (string, error) {
	api := newAPI("http://" + w.queueAddr)
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: w.prefix})
	if err != nil {
		return "", err
	}
	var left []string
	for _, name := range []string{tasks.DefaultQueue, "second"} {
		url, err := client.URL(ctx, name)
		if err != nil {
			return "", err
		}
		out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
		if err != nil {
			return "", err
		}
		for _, what := range []string{"", "NotVisible", "Delayed"} {
			if n := out.Attributes["ApproximateNumberOfMessages"+what]; n != "0" {
				left = append(left, fmt.Sprintf("%s %s%s", name, n, what))
			}
		}
	}
	return strings.Join(left, ", "), nil
}
