package taskstest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/tasks"
	"github.com/coretasks/core/taskstest"
)

type welcome struct {
	UserID int64 `json:"user_id"`
}

var sendWelcome = tasks.Define("mail.welcome", func(_ context.Context, p welcome) (string, error) {
	if p.UserID == 0 {
		return "", tasks.Permanent(errors.New("no such user"))
	}
	return fmt.Sprintf("sent to %d", p.UserID), nil
}, tasks.MaxRetries(1), tasks.RetryDelay(time.Minute))

// signUp is the code under test: it enqueues.
func signUp(ctx context.Context, queue tasks.Sender, user int64) error {
	_, err := sendWelcome.Delay(ctx, queue, welcome{UserID: user}, tasks.Countdown(time.Hour))
	return err
}

func TestSignUpEnqueuesAWelcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := taskstest.New(t, tasks.NewRegistry(sendWelcome))
		if err := signUp(t.Context(), queue, 7); err != nil {
			t.Fatal(err)
		}
		call := taskstest.RequireEnqueued(t, queue, sendWelcome, welcome{UserID: 7})
		if call.Countdown != time.Hour {
			t.Errorf("countdown %v, want an hour", call.Countdown)
		}
		start := time.Now()
		queue.Drain(t, 2*time.Hour) // takes no time in the bubble
		if waited := time.Since(start); waited < time.Hour {
			t.Errorf("the queue was empty after %v, before the countdown ended", waited)
		}
		if dead := queue.DeadLetters(t); len(dead) > 0 {
			t.Errorf("dead letters: %+v", dead)
		}
	})
}

func TestDeadLettersTellWhatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := taskstest.New(t, tasks.NewRegistry(sendWelcome))
		job, err := sendWelcome.Delay(t.Context(), queue, welcome{})
		if err != nil {
			t.Fatal(err)
		}
		queue.Drain(t, time.Hour)
		dead := queue.DeadLetters(t)
		if len(dead) != 1 || dead[0].Job != job || dead[0].Reason != tasks.ReasonPermanent || dead[0].Error != "no such user" || dead[0].Attempts != 1 {
			t.Errorf("dead letters %+v, want one of %+v", dead, job)
		}
	})
}

func TestRunInline(t *testing.T) {
	t.Parallel()
	registry := tasks.NewRegistry(sendWelcome)
	got, err := taskstest.Run(t, registry, sendWelcome, welcome{UserID: 7})
	if got != "sent to 7" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := taskstest.Run(t, registry, sendWelcome, welcome{}); !tasks.IsPermanent(err) {
		t.Errorf("error %v, want a permanent one", err)
	}
}

func TestRequireEnqueuedFails(t *testing.T) {
	t.Parallel()
	queue := taskstest.New(t, tasks.NewRegistry(sendWelcome))
	if _, err := sendWelcome.Delay(t.Context(), queue, welcome{UserID: 1}); err != nil {
		t.Fatal(err)
	}
	spy := &spy{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		taskstest.RequireEnqueued(spy, queue, sendWelcome, welcome{UserID: 2})
	}()
	<-done
	if want := `no job of task "mail.welcome" was enqueued with {"user_id":2}; there are {"user_id":1}`; spy.said != want {
		t.Errorf("said %q, want %q", spy.said, want)
	}
}
