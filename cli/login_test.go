package cli_test

import (
	"crypto/sha1" //nolint:gosec // the SDK names its files so
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/mainjob"
)

const ssoConfig = `
[profile work]
sso_session = company
sso_account_id = 123456789012
sso_role_name = dev
region = eu-central-1
[sso-session company]
sso_region = eu-central-1
sso_start_url = https://company.awsapps.com/start
[profile old]
sso_region = eu-central-1
sso_start_url = https://company.awsapps.com/start
sso_account_id = 123456789012
sso_role_name = dev
region = eu-central-1
[profile my profile]
sso_session = company
sso_account_id = 123456789012
sso_role_name = dev
region = eu-central-1
[profile assumed]
role_arn = arn:aws:iam::123456789012:role/dev
source_profile = work
region = eu-central-1
[profile process]
credential_process = /bin/false
region = eu-central-1
[profile keyless]
region = eu-central-1
`

// Whoever is not logged in is told the SDK's own cause, and how to log in.
func TestNotLoggedIn(t *testing.T) {
	t.Parallel()
	const noToken = "no such file or directory"
	expired := map[string]string{"company": `{"accessToken":"t","expiresAt":"2020-01-01T00:00:00Z"}`}
	for name, tc := range map[string]struct {
		profile string
		cached  map[string]string // tokens by session
		login   string
		cause   string
	}{
		"never":                {profile: "work", login: "'aws sso login --profile work'", cause: noToken},
		"no longer":            {profile: "work", cached: expired, login: "'aws sso login --profile work'", cause: "expired"},
		"without a session":    {profile: "old", login: "'aws sso login --profile old'", cause: noToken},
		"a name with a blank":  {profile: "my profile", login: `'aws sso login --profile "my profile"'`, cause: noToken},
		"a role assumed by it": {profile: "assumed", login: "'aws sso login --profile assumed'", cause: noToken},
		"another way":          {profile: "process", login: "set AWS_ACCESS_KEY_ID", cause: "exit status 1"},
		"no keys at all":       {profile: "keyless", login: "set AWS_ACCESS_KEY_ID", cause: "EC2 IMDS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &mainjob.World{Dir: t.TempDir()}
			file := filepath.Join(w.Dir, "config")
			if err := os.WriteFile(file, []byte(ssoConfig), 0o600); err != nil {
				t.Fatal(err)
			}
			for session, token := range tc.cached {
				cache(t, w.Dir, session, token)
			}
			w.Env = []string{"AWS_CONFIG_FILE=" + file, "AWS_PROFILE=" + tc.profile}
			for _, args := range [][]string{
				{"queues", "list"}, {"enqueue", "note", "{}", "--queue-prefix", "a-"}, {"jobs", "list", "--results", "dynamodb://jobs"},
			} {
				code, stdout, stderr := w.Run(t, "", args...)
				checkFailure(t, code, stdout, stderr, 1, "no AWS credentials: ")
				for _, want := range []string{tc.login, tc.cause} {
					if !strings.Contains(stderr, want) {
						t.Errorf("%v: %q is not in %s", args, want, stderr)
					}
				}
			}
			if _, stdout, _ := w.Run(t, "", "doctor"); !strings.Contains(stdout, tc.login) {
				t.Errorf("doctor says\n%s", stdout)
			}
		})
	}
}

// A token that the service refuses is one of a session that is over too.
func TestATokenIsRefused(t *testing.T) {
	t.Parallel()
	sso := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "UnauthorizedException")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message":"Session token not found or invalid"}`))
	}))
	t.Cleanup(sso.Close)
	w := &mainjob.World{Dir: t.TempDir()}
	file := filepath.Join(w.Dir, "config")
	if err := os.WriteFile(file, []byte(ssoConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	cache(t, w.Dir, "company", `{"accessToken":"t","expiresAt":"2199-01-01T00:00:00Z"}`)
	w.Env = []string{"AWS_CONFIG_FILE=" + file, "AWS_PROFILE=work", "AWS_ENDPOINT_URL_SSO=" + sso.URL}
	code, stdout, stderr := w.Run(t, "", "queues", "list")
	checkFailure(t, code, stdout, stderr, 1, "log in with 'aws sso login --profile work'")
	if !strings.Contains(stderr, "Session token not found or invalid") {
		t.Errorf("the cause is missing: %s", stderr)
	}
}

// cache puts a session's token where the SDK looks for it.
func cache(t *testing.T, home, session, token string) {
	t.Helper()
	dir := filepath.Join(home, ".aws", "sso", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := sha1.Sum([]byte(session)) //nolint:gosec // as above
	if err := os.WriteFile(filepath.Join(dir, hex.EncodeToString(name[:])+".json"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
}
