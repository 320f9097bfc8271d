package awsclient

import (
	"cmp"
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Login returns the command by which a person logs in again, where an error of the SDK means that a session of IAM
// Identity Center (SSO) or of 'aws login' is over or was never begun, or "" for any other error.
func Login(err error) string {
	var unsent *smithyhttp.RequestSendError
	switch {
	case err == nil, errors.As(err, &unsent), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "" // nobody was asked
	// Most errors of the SDK's packages ssocreds and logincreds have no type.
	case hasEnded(err), strings.Contains(err.Error(), "SSO token"):
		return "aws sso login" + profile()
	case strings.Contains(err.Error(), "please reauthenticate"):
		return "aws login" + profile()
	}
	return ""
}

// hasEnded looks for the error type of the SDK's SSO credentials, by the name of its package: to link that would make
// every Lambda function larger. A refusal of the service that gives out their keys counts too.
func hasEnded(err error) bool {
	if err == nil {
		return false
	}
	if t := reflect.TypeOf(err); t.Kind() == reflect.Pointer &&
		strings.HasSuffix(t.Elem().PkgPath(), "/credentials/ssocreds") {
		return true
	}
	//nolint:errorlint // the chain is walked here, one error at a time
	if operation, ok := err.(*smithy.OperationError); ok && strings.HasPrefix(operation.Service(), "SSO") {
		var refused smithy.APIError
		return errors.As(operation.Err, &refused)
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return hasEnded(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if hasEnded(inner) {
				return true
			}
		}
	}
	return false
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.@/+-]+$`)

// profile is the option that names the profile which the environment does.
func profile() string {
	name := cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"))
	switch {
	case name == "":
		return ""
	case plainName.MatchString(name):
		return " --profile " + name
	}
	return ` --profile "` + name + `"`
}
