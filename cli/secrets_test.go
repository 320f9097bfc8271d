package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/mainjob"
)

// TestSecretsStayOutOfLogs works jobs at the most talkative level, one that fails at first, and asks the HTTP API with right
// and wrong tokens and bodies: no log has a payload, a result or a token.
func TestSecretsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	const payload, token, wrong = "payload-8d1f", "token-5b7e", "guess-77aa"
	w := mainjob.New(t)
	w.Env = append(w.Env, "CORE_LOG_LEVEL=debug", "CORE_API_TOKEN="+token)
	addr := ""
	for _, v := range w.Env {
		if after, ok := strings.CutPrefix(v, "CORE_ADDR="); ok {
			addr = after
		}
	}
	dev := w.Start(t, "Stop with Ctrl-C", "dev")
	w.Must(t, "enqueue", "note", `{"text":"`+payload+`","fail":1}`)
	post := func(token, body string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/tasks/note", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	for name, test := range map[string]struct {
		token, body string
		status      int
	}{
		"enqueued":       {token, `{"text":"` + payload + `"}`, http.StatusAccepted},
		"wrong token":    {wrong, `{"text":"` + payload + `"}`, http.StatusUnauthorized},
		"wrong type":     {token, `{"text":["` + payload + `"]}`, http.StatusBadRequest},
		"not valid JSON": {token, payload, http.StatusBadRequest},
	} {
		if got := post(test.token, test.body); got != test.status {
			t.Errorf("%s: status %d, want %d", name, got, test.status)
		}
	}
	mainjob.Await(t, "two jobs have ended", func() bool { return w.Count(t, "end") == 2 })
	if code, _ := dev.Terminate(t); code != 0 {
		t.Errorf("dev ended with %d", code)
	}
	said := dev.Text()
	if !strings.Contains(said, "job succeeded") || !strings.Contains(said, "it will be retried") {
		t.Errorf("the log lacks the life of the jobs:\n%s", said)
	}
	for _, secret := range []string{payload, token, wrong} {
		if strings.Contains(said, secret) {
			t.Errorf("the log has %q:\n%s", secret, said)
		}
	}
}
