package emulator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"github.com/coretasks/core/emulator"
)

const workSchedules = "schedules"

// schedulingChild creates one-time schedules, due now or a little later, until it is killed, and says which.
func schedulingChild(path string) {
	e, err := emulator.Open(emulator.Config{Path: path})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	ctx := context.Background()
	if _, err := e.SQS().CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs")}); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				name := uuid.NewString()
				due := time.Now().UTC().Add(time.Duration(rand.IntN(1500)) * time.Millisecond)
				in := plan("at("+due.Format("2006-01-02T15:04:05")+")", func(in *scheduler.CreateScheduleInput) {
					in.Name, in.Target.Input = &name, &name
					if rand.IntN(2) == 0 {
						in.ActionAfterCompletion = types.ActionAfterCompletionDelete
					}
				})
				if _, err := e.Scheduler().CreateSchedule(ctx, in); err != nil {
					return
				}
				fmt.Println("created " + name)
			}
		})
	}
	wg.Wait()
}

// However often the process is killed, each schedule that was acknowledged fires once.
func TestKilledProcessFiresEachScheduleOnce(t *testing.T) {
	t.Parallel()
	for round := range 2 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			created := map[string]bool{}
			for range 4 {
				for name := range runAndKill(t, path, workSchedules, 100+rand.IntN(1500))["created"] {
					created[name] = true
				}
			}
			e := open(t, emulator.Config{Path: path})
			fired, url := map[string]int{}, create(t, e.SQS(), "jobs", nil)
			missing := len(created)
			for deadline := time.Now().Add(20 * time.Second); missing > 0 && time.Now().Before(deadline); {
				out, err := e.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
					QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600,
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range out.Messages {
					if fired[*m.Body]++; fired[*m.Body] == 1 && created[*m.Body] {
						missing--
					}
				}
			}
			if missing > 0 {
				t.Errorf("%d of %d schedules did not fire", missing, len(created))
			}
			for name, n := range fired {
				if n > 1 {
					t.Errorf("schedule %s fired %d times", name, n)
				}
			}
		})
	}
}
