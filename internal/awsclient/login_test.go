package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coretasks/core/internal/awsclient"
	"github.com/coretasks/core/sqsqueue"
)

func TestLogin(t *testing.T) {
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_DEFAULT_PROFILE", "")
	ended := &ssocreds.InvalidTokenError{Err: errors.New("open /home/me/.aws/sso/cache/x.json: no such file or directory")}
	refused := &smithy.OperationError{
		ServiceID:     "SSO",
		OperationName: "GetRoleCredentials",
		Err:           &smithy.GenericAPIError{Code: "UnauthorizedException"},
	}
	within := fmt.Errorf("get identity: %w", errors.Join(errors.New("a"), fmt.Errorf("b: %w", ended)))
	unsent := fmt.Errorf("refresh cached SSO token failed, %w", &smithyhttp.RequestSendError{Err: errors.New("refused")})
	sts := &smithy.OperationError{ServiceID: "STS", Err: &smithy.GenericAPIError{Code: "AccessDenied"}}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"no error":              {nil, ""},
		"another":               {errors.New("access denied"), ""},
		"the SDK's own":         {ended, "aws sso login"},
		"within others":         {within, "aws sso login"},
		"without a type":        {errors.New("failed to read cached SSO token file, open x: no such file"), "aws sso login"},
		"refused":               {fmt.Errorf("get credentials: %w", refused), "aws sso login"},
		"refused by another":    {sts, ""},
		"a login session":       {errors.New("load login token: token file not found, please reauthenticate"), "aws login"},
		"the network":           {unsent, ""},
		"nobody waits any more": {fmt.Errorf("refresh cached SSO token failed, %w", context.Canceled), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := awsclient.Login(tc.err); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	t.Setenv("AWS_DEFAULT_PROFILE", "work")
	if got := awsclient.Login(ended); got != "aws sso login --profile work" {
		t.Errorf("with a default profile: %q", got)
	}
	t.Setenv("AWS_PROFILE", "my own; rm")
	if got := awsclient.Login(ended); got != `aws sso login --profile "my own; rm"` {
		t.Errorf("with a profile: %q", got)
	}
	// What packages make of it has the cause, for people and for errors.As.
	sdk := &smithy.OperationError{
		ServiceID:     "SQS",
		OperationName: "ReceiveMessage",
		Err:           fmt.Errorf("get identity: get credentials: %w", ended),
	}
	err := sqsqueue.NewError("receive", "default", sdk)
	if !errors.Is(err, ended) || !strings.Contains(err.Error(), "log in with 'aws sso login") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("sqsqueue: %v", err)
	}
}
