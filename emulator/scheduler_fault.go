package emulator

import (
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/emulator/internal/schedule"
)

// The errors of EventBridge Scheduler.
const (
	validationException  = "ValidationException"
	conflictException    = "ConflictException"
	resourceNotFound     = "ResourceNotFoundException"
	serviceQuotaExceeded = "ServiceQuotaExceededException"
)

func schedulerFault(code string, status int, format string, args ...any) *fault {
	f := newFault(code, code, format, args...)
	f.status = status
	return f
}

func faultValidation(format string, args ...any) *fault {
	return schedulerFault(validationException, http.StatusBadRequest, format, args...)
}

// refuse turns what the schedule package refuses into a fault. What the service's words leave out goes to the log.
func (e *Emulator) refuse(name *string, err error) error {
	if invalid, ok := errors.AsType[*schedule.Invalid](err); ok && invalid.Reason != "" {
		e.cfg.Logger.Warn("a schedule is refused", "schedule", aws.ToString(name), "error", invalid.Message, "reason", invalid.Reason)
	}
	return faultInvalid(err)
}

// faultInvalid turns what the schedule package refuses into a fault; nil stays nil.
func faultInvalid(err error) error {
	var invalid *schedule.Invalid
	if errors.As(err, &invalid) {
		return faultValidation("%s", invalid.Message)
	}
	return err
}

func faultScheduleExists(name string) *fault {
	return schedulerFault(conflictException, http.StatusConflict, "Schedule %s already exists.", name)
}

func faultGroupExists(name string) *fault {
	return schedulerFault(conflictException, http.StatusConflict, "Schedule group %s already exists.", name)
}

func faultNoSchedule(name string) *fault {
	return schedulerFault(resourceNotFound, http.StatusNotFound, "Schedule %s does not exist.", name)
}

func faultNoGroup(name string) *fault {
	return schedulerFault(resourceNotFound, http.StatusNotFound, "Schedule group %s does not exist.", name)
}

func faultQuota(what string, limit int) *fault {
	return schedulerFault(serviceQuotaExceeded, http.StatusPaymentRequired,
		"The account has reached the quota of %d %s.", limit, what)
}

// schedulerError is the type that the SDK's Scheduler client has for a fault.
func (f *fault) schedulerError() error {
	msg := aws.String(f.message)
	if f.blame() == smithy.FaultServer {
		return &genericError{&types.InternalServerException{Message: msg}, f.cause}
	}
	switch f.code {
	case validationException:
		return &types.ValidationException{Message: msg}
	case conflictException:
		return &types.ConflictException{Message: msg}
	case resourceNotFound:
		return &types.ResourceNotFoundException{Message: msg}
	case serviceQuotaExceeded:
		return &types.ServiceQuotaExceededException{Message: msg}
	}
	return nil
}
