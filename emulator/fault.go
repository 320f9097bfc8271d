package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// fault is an error of the service: the name of its shape in the JSON protocol, the code that the older query
// protocol had for it (which SDKs report as the error's code still), and the HTTP status that goes with it.
type fault struct {
	shape   string
	code    string
	message string
	status  int
	cause   error
}

func (f *fault) Error() string { return f.code + ": " + f.message }
func (f *fault) Unwrap() error { return f.cause }

// name is the fault's code, or its shape's name where the query protocol has none.
func (f *fault) name() string {
	if f.code == "" {
		return strings.TrimPrefix(f.shape, coralPrefix)
	}
	return f.code
}

const queryPrefix = "AWS.SimpleQueueService."

func newFault(shape, code, format string, args ...any) *fault {
	return &fault{shape: shape, code: code, message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

func faultQueueDoesNotExist() *fault {
	return newFault("QueueDoesNotExist", queryPrefix+"NonExistentQueue", "The specified queue does not exist.")
}

func faultQueueNameExists(attribute string) *fault {
	return newFault("QueueNameExists", "QueueAlreadyExists",
		"A queue already exists with the same name and a different value for attribute %s", attribute)
}

func faultDeletedRecently() *fault {
	return newFault("QueueDeletedRecently", queryPrefix+"QueueDeletedRecently",
		"You must wait 60 seconds after deleting a queue before you can create another with the same name.")
}

func faultAddress(url string) *fault {
	f := newFault("InvalidAddress", "InvalidAddress", "The address %s is not valid for this endpoint.", url)
	f.status = http.StatusNotFound
	return f
}

func faultUnsupported(format string, args ...any) *fault {
	return newFault("UnsupportedOperation", queryPrefix+"UnsupportedOperation", format, args...)
}

func faultInvalidParameter(format string, args ...any) *fault {
	return newFault("InvalidParameterValueException", "InvalidParameterValue", format, args...)
}

// faultValue is the most common wording of InvalidParameterValue.
func faultValue(value any, parameter, reason string) *fault {
	return faultInvalidParameter("Value %v for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func faultMissing(parameter string) *fault {
	return newFault("MissingRequiredParameterException", "MissingParameter",
		"The request must contain the parameter %s.", parameter)
}

func faultAttributeName(name string) *fault {
	return newFault("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
}

func faultAttributeValue(name string) *fault {
	return newFault("InvalidAttributeValue", "InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}

func faultReceiptHandle(handle string) *fault {
	f := newFault("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid",
		"The input receipt handle %q is not a valid receipt handle.", handle)
	f.status = http.StatusNotFound
	return f
}

func faultOverLimit() *fault {
	f := newFault("OverLimit", "OverLimit",
		"The maximum number of in flight messages is reached: %d.", maxInFlight)
	f.status = http.StatusForbidden
	return f
}

func faultPurge(name string) *fault {
	f := newFault("PurgeQueueInProgress", queryPrefix+"PurgeQueueInProgress",
		"Only one PurgeQueue operation on %s is allowed every 60 seconds.", name)
	f.status = http.StatusForbidden
	return f
}

func faultNotFound(format string, args ...any) *fault {
	f := newFault("ResourceNotFoundException", "ResourceNotFoundException", format, args...)
	f.status = http.StatusNotFound
	return f
}

func faultBatch(shape, format string, args ...any) *fault {
	return newFault(shape, queryPrefix+shape, format, args...)
}

// faultInternal is a failure of ours: nothing was changed.
func faultInternal(cause error) *fault {
	f := newFault("InternalError", "InternalError", "%s", cause.Error())
	f.status, f.cause = http.StatusInternalServerError, cause
	return f
}

// errClosed is what calls get after Close.
var errClosed = errors.New("the emulator is closed")

func faultClosed() *fault {
	f := faultInternal(errClosed)
	f.status = http.StatusServiceUnavailable
	f.shape, f.code = "ServiceUnavailable", "ServiceUnavailable"
	return f
}

// serviceErrors is how the SDK's client of a service returns errors: under the service's name, and with types of its own
// for some; nil from typed means that the SDK has none.
type serviceErrors struct {
	service string
	typed   func(*fault) error
}

var (
	sqsErrors       = serviceErrors{"SQS", (*fault).sqsError}
	schedulerErrors = serviceErrors{"Scheduler", (*fault).schedulerError}
)

// operation gives an error the form in which the SDK's client returns it.
func (s serviceErrors) operation(name string, err error) error {
	var f *fault
	if errors.As(err, &f) {
		if err = s.typed(f); err == nil {
			err = &genericError{
				APIError: &smithy.GenericAPIError{Code: f.code, Message: f.message, Fault: f.blame()},
				cause:    f.cause,
			}
		}
	}
	return &smithy.OperationError{ServiceID: s.service, OperationName: name, Err: err}
}

// sqsError is the type that the SDK's SQS client has for a fault.
func (f *fault) sqsError() error {
	msg, code := aws.String(f.message), f.override()
	switch f.shape {
	case "QueueDoesNotExist":
		return &types.QueueDoesNotExist{Message: msg, ErrorCodeOverride: code}
	case "QueueNameExists":
		return &types.QueueNameExists{Message: msg, ErrorCodeOverride: code}
	case "QueueDeletedRecently":
		return &types.QueueDeletedRecently{Message: msg, ErrorCodeOverride: code}
	case "InvalidAddress":
		return &types.InvalidAddress{Message: msg, ErrorCodeOverride: code}
	case "UnsupportedOperation":
		return &types.UnsupportedOperation{Message: msg, ErrorCodeOverride: code}
	case "InvalidAttributeName":
		return &types.InvalidAttributeName{Message: msg, ErrorCodeOverride: code}
	case "InvalidAttributeValue":
		return &types.InvalidAttributeValue{Message: msg, ErrorCodeOverride: code}
	case "InvalidMessageContents":
		return &types.InvalidMessageContents{Message: msg, ErrorCodeOverride: code}
	case "ReceiptHandleIsInvalid":
		return &types.ReceiptHandleIsInvalid{Message: msg, ErrorCodeOverride: code}
	case "OverLimit":
		return &types.OverLimit{Message: msg, ErrorCodeOverride: code}
	case "PurgeQueueInProgress":
		return &types.PurgeQueueInProgress{Message: msg, ErrorCodeOverride: code}
	case "ResourceNotFoundException":
		return &types.ResourceNotFoundException{Message: msg, ErrorCodeOverride: code}
	case "EmptyBatchRequest":
		return &types.EmptyBatchRequest{Message: msg, ErrorCodeOverride: code}
	case "TooManyEntriesInBatchRequest":
		return &types.TooManyEntriesInBatchRequest{Message: msg, ErrorCodeOverride: code}
	case "BatchEntryIdsNotDistinct":
		return &types.BatchEntryIdsNotDistinct{Message: msg, ErrorCodeOverride: code}
	case "InvalidBatchEntryId":
		return &types.InvalidBatchEntryId{Message: msg, ErrorCodeOverride: code}
	case "BatchRequestTooLong":
		return &types.BatchRequestTooLong{Message: msg, ErrorCodeOverride: code}
	}
	return nil
}

// override is the code that the SDK's typed errors report: the query protocol's, which AWS sends along.
func (f *fault) override() *string { return aws.String(f.code) }

func (f *fault) blame() smithy.ErrorFault {
	if f.status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// genericError lets errors.As find the API error, and errors.Is what lies below it (a *[StateError]).
type genericError struct {
	smithy.APIError
	cause error
}

func (g *genericError) Unwrap() []error {
	if g.cause == nil {
		return []error{g.APIError}
	}
	return []error{g.APIError, g.cause}
}

// asFault finds the fault in an error; anything else is an internal one.
func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return faultInternal(err)
}
