package schedules_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/tasks"
)

// faulty answers a request by an error where fail has one.
type faulty struct {
	rawAPI
	fail func(operation string) error
}

func answer[In, Out any](ctx context.Context, f faulty, operation string, in *In, do func(context.Context, *In, ...func(*scheduler.Options)) (*Out, error)) (*Out, error) {
	if err := f.fail(operation); err != nil {
		return nil, &smithy.OperationError{ServiceID: "Scheduler", OperationName: operation, Err: err}
	}
	return do(ctx, in)
}

func (f faulty) CreateSchedule(ctx context.Context, in *scheduler.CreateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error) {
	return answer(ctx, f, "CreateSchedule", in, f.rawAPI.CreateSchedule)
}

func (f faulty) GetSchedule(ctx context.Context, in *scheduler.GetScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error) {
	return answer(ctx, f, "GetSchedule", in, f.rawAPI.GetSchedule)
}

func (f faulty) UpdateSchedule(ctx context.Context, in *scheduler.UpdateScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error) {
	return answer(ctx, f, "UpdateSchedule", in, f.rawAPI.UpdateSchedule)
}

func (f faulty) DeleteSchedule(ctx context.Context, in *scheduler.DeleteScheduleInput, _ ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error) {
	return answer(ctx, f, "DeleteSchedule", in, f.rawAPI.DeleteSchedule)
}

func (f faulty) ListSchedules(ctx context.Context, in *scheduler.ListSchedulesInput, _ ...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error) {
	return answer(ctx, f, "ListSchedules", in, f.rawAPI.ListSchedules)
}

func (f faulty) CreateScheduleGroup(ctx context.Context, in *scheduler.CreateScheduleGroupInput, _ ...func(*scheduler.Options)) (*scheduler.CreateScheduleGroupOutput, error) {
	return answer(ctx, f, "CreateScheduleGroup", in, f.rawAPI.CreateScheduleGroup)
}

func (f faulty) GetScheduleGroup(ctx context.Context, in *scheduler.GetScheduleGroupInput, _ ...func(*scheduler.Options)) (*scheduler.GetScheduleGroupOutput, error) {
	return answer(ctx, f, "GetScheduleGroup", in, f.rawAPI.GetScheduleGroup)
}

func (f faulty) ListTagsForResource(ctx context.Context, in *scheduler.ListTagsForResourceInput, _ ...func(*scheduler.Options)) (*scheduler.ListTagsForResourceOutput, error) {
	return answer(ctx, f, "ListTagsForResource", in, f.rawAPI.ListTagsForResource)
}

func throttled() error { return &types.ThrottlingException{Message: aws.String("Rate exceeded")} }

func apiError(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

func many(n int, opts ...tasks.PeriodicOption) *tasks.Registry {
	all := make([]tasks.Definition, n)
	for i := range all {
		all[i] = periodic(fmt.Sprintf("task-%03d", i), opts...)
	}
	return tasks.NewRegistry(all...)
}

// A pause that comes after the plan, while the update is throttled, is not undone.
func TestApplyKeepsAPauseMadeMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := onEmulator(t)
		apply(t, w.manager(t, many(1, tasks.Every(time.Hour)), w.api), many(1, tasks.Every(time.Hour)))
		changed := many(1, tasks.Every(2*time.Hour))
		paused := false
		m := w.manager(t, changed, faulty{w.api, func(operation string) error {
			if operation != "UpdateSchedule" || paused {
				return nil
			}
			paused = true
			if err := w.manager(t, changed, w.api).Pause(t.Context(), changed, "task-000"); err != nil {
				t.Error(err)
			}
			return throttled()
		}})
		apply(t, m, changed)
		if got := planned(t, m, changed); !paused || got != "" {
			t.Errorf("afterwards the plan is %q", got)
		}
		list, err := w.api.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String(m.Group())})
		if err != nil || len(list.Schedules) != 1 || list.Schedules[0].State != types.ScheduleStateDisabled {
			t.Errorf("the schedule is not paused: %+v, %v", list, err)
		}
	})
}

func TestThreeHundredSchedulesUnderThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := onEmulator(t)
		r := many(300, tasks.Every(time.Hour))
		var refused atomic.Int64
		var served atomic.Pointer[time.Time]
		served.Store(new(time.Time))
		api := faulty{w.api, func(string) error {
			now, last := time.Now(), served.Load()
			if now.Sub(*last) < 50*time.Millisecond || !served.CompareAndSwap(last, &now) {
				refused.Add(1)
				return throttled()
			}
			return nil
		}}
		m := w.manager(t, r, api)
		if got := apply(t, m, r); strings.Count(got, "create") != 300 {
			t.Errorf("it did %q", got)
		}
		if p, err := m.Plan(t.Context(), r); err != nil || p.Unchanged != 300 || !p.Empty() {
			t.Errorf("afterwards %+v, %v", p, err)
		}
		if got := apply(t, m, tasks.NewRegistry()); strings.Count(got, "delete") != 300 {
			t.Errorf("it did %q", got)
		}
		if refused.Load() < 900 {
			t.Errorf("only %d requests were refused", refused.Load())
		}
	})
}

func TestFaultsOfEventBridge(t *testing.T) {
	t.Parallel()
	const (
		assume = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
		pass   = "User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/r because no identity-based policy allows the iam:PassRole action"
		create = "User: arn:aws:iam::1:user/u is not authorized to perform: scheduler:CreateSchedule on resource: x"
	)
	for name, tt := range map[string]struct {
		operation string
		times     int // how often it fails; 0 is for ever
		err       error
		want      string // in the error; "" is none
		is        error
		within    time.Duration
	}{
		"a new role":                {operation: "CreateSchedule", times: 5, err: apiError("ValidationException", assume), within: time.Minute},
		"a role without trust":      {operation: "CreateSchedule", err: apiError("ValidationException", assume), want: "its trust policy must allow scheduler.amazonaws.com", within: 2 * time.Minute},
		"a request under way":       {operation: "CreateSchedule", times: 3, err: &types.ConflictException{Message: aws.String("being modified")}, within: time.Minute},
		"throttled for ever":        {operation: "ListSchedules", err: throttled(), want: "Rate exceeded", within: 2 * time.Minute},
		"a failure of the service":  {operation: "GetScheduleGroup", times: 2, err: &types.InternalServerException{Message: aws.String("oops")}, want: "oops", within: time.Minute},
		"no permission":             {operation: "CreateSchedule", err: apiError("AccessDeniedException", create), want: "allow scheduler:CreateSchedule", is: schedules.ErrDenied},
		"no permission for a role":  {operation: "CreateSchedule", err: apiError("AccessDeniedException", pass), want: "allow iam:PassRole on the execution role", is: schedules.ErrDenied},
		"no permission to list":     {operation: "ListSchedules", err: apiError("AccessDeniedException", "no"), want: "allow scheduler:ListSchedules", is: schedules.ErrDenied},
		"no permission for tags":    {operation: "ListTagsForResource", err: apiError("AccessDeniedException", "no"), want: "allow scheduler:ListTagsForResource", is: schedules.ErrDenied},
		"no permission for a group": {operation: "CreateScheduleGroup", err: apiError("AccessDeniedException", "no"), want: "allow scheduler:CreateScheduleGroup", is: schedules.ErrDenied},
		"a full account":            {operation: "CreateSchedule", err: &types.ServiceQuotaExceededException{Message: aws.String("too many")}, want: "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := onEmulator(t)
				r := tasks.NewRegistry(periodic("one", tasks.Every(time.Hour)))
				if tt.operation != "CreateScheduleGroup" {
					apply(t, w.manager(t, r, w.api), tasks.NewRegistry(periodic("two", tasks.Every(time.Hour))))
				}
				failed := 0
				m := w.manager(t, r, faulty{w.api, func(operation string) error {
					if operation == tt.operation && (tt.times == 0 || failed < tt.times) {
						failed++
						return tt.err
					}
					return nil
				}})
				began := time.Now()
				_, err := m.Apply(t.Context(), r)
				if took := time.Since(began); took > tt.within {
					t.Errorf("it took %v", took)
				}
				if tt.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) || !is[*schedules.Error](err) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestApplyIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := onEmulator(t)
		r := many(50, tasks.Every(time.Hour))
		m := w.manager(t, r, faulty{w.api, func(operation string) error {
			if operation == "CreateSchedule" {
				return throttled()
			}
			return nil
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := m.Apply(ctx, r); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := onEmulator(t)
	r := tasks.NewRegistry(periodic("one", tasks.Every(time.Hour)))
	w.manager(t, r, w.api)
	m, err := schedules.New(w.api, w.client, schedules.Config{Application: w.app})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Plan(t.Context(), r); !errors.Is(err, schedules.ErrNoRole) || !strings.Contains(err.Error(), "CORE_SCHEDULER_ROLE_ARN") {
		t.Errorf("without a role: %v", err)
	}
	if got := planned(t, m, tasks.NewRegistry()); got != "" {
		t.Errorf("without periodic tasks: %q", got)
	}
	for _, arn := range []string{"scheduler", "arn:aws:iam::1:role/x", "arn:aws:iam::000000000000:user/x"} {
		if _, err := schedules.New(w.api, w.client, schedules.Config{Application: w.app, RoleARN: arn}); err == nil || !strings.Contains(err.Error(), arn) {
			t.Errorf("role %q: %v", arn, err)
		}
	}
}
