{{- /* What the names of namespaced objects begin with: at most 40 characters, so that every suffix fits into 63. A longer
       one is cut and told apart by a hash. */ -}}
{{- define "rollcall.fullname" -}}
{{- $name := .Values.fullnameOverride }}
{{- if not $name }}
{{- $name = ternary .Release.Name (printf "%s-rollcall" .Release.Name) (contains "rollcall" .Release.Name) }}
{{- end }}
{{- if gt (len $name) 40 }}
{{- $name = printf "%s-%s" ($name | trunc 31 | trimSuffix "-") (sha256sum $name | trunc 8) }}
{{- end }}
{{- $name }}
{{- end }}

{{- /* What the names of cluster-scoped objects begin with. A colon is in no release's or namespace's name, so that no
       two releases of a cluster can meet. */ -}}
{{- define "rollcall.clusterName" -}}
rollcall:{{ .Release.Namespace }}:{{ .Release.Name }}
{{- end }}

{{- define "rollcall.selector" -}}
app.kubernetes.io/name: rollcall
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of every object; the chart's own win. Called with (dict "root" $ "component" "…"). */ -}}
{{- define "rollcall.labels" -}}
{{- $own := include "rollcall.selector" .root | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/component" .component }}
{{- $_ := set $own "app.kubernetes.io/part-of" "rollcall" }}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- merge $own .root.Values.commonLabels | toYaml }}
{{- end }}

{{- /* Labels of pods; those that Services select by win. Called with (dict "root" $ "component" "…" "extra" (dict …)). */ -}}
{{- define "rollcall.podLabels" -}}
{{- $own := include "rollcall.selector" .root | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/component" .component }}
{{- merge $own .extra | toYaml }}
{{- end }}

{{- define "rollcall.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* The namespaces that the chart makes things in for runs, as JSON. */ -}}
{{- define "rollcall.runNamespaces" -}}
{{- if .Values.watchNamespaces }}
{{- toJson .Values.watchNamespaces }}
{{- else if eq .Values.mode "Namespaced" }}
{{- list .Release.Namespace | toJson }}
{{- else }}
{{- list | toJson }}
{{- end }}
{{- end }}

{{- /* `--namespace NS` of operator and records service; all namespaces in ClusterWide mode. */ -}}
{{- define "rollcall.namespaceArguments" -}}
{{- if eq .Values.mode "Namespaced" }}
{{- range include "rollcall.runNamespaces" . | fromJsonArray }}
- --namespace={{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rollcall.connectorServiceAccount" -}}
{{- $account := .Values.connector.serviceAccount }}
{{- if $account.name }}
{{- $account.name }}
{{- else if include "rollcall.makesConnectorServiceAccount" . }}
{{- include "rollcall.fullname" . }}-connector
{{- else -}}
default
{{- end }}
{{- end }}

{{- define "rollcall.makesConnectorServiceAccount" -}}
{{- if and .Values.connector.serviceAccount.create (eq .Values.mode "Namespaced") }}true{{ end }}
{{- end }}

{{- define "rollcall.recordsName" -}}
{{ include "rollcall.fullname" . }}-records
{{- end }}

{{- define "rollcall.recordsKeySecret" -}}
{{ .Values.records.encryptionKey.existingSecret | default (printf "%s-key" (include "rollcall.recordsName" .)) }}
{{- end }}

{{- define "rollcall.recordsTlsSecret" -}}
{{ .Values.records.tls.existingSecret | default (printf "%s-tls" (include "rollcall.recordsName" .)) }}
{{- end }}

{{- define "rollcall.recordsCaConfigMap" -}}
{{ .Values.records.tls.caConfigMap | default (printf "%s-ca" (include "rollcall.recordsName" .)) }}
{{- end }}

{{- define "rollcall.recordsClaim" -}}
{{ .Values.records.storage.existingClaim | default (include "rollcall.recordsName" .) }}
{{- end }}

{{- define "rollcall.readerName" -}}
{{ include "rollcall.recordsName" . }}-reader
{{- end }}

{{- /* Pod Security `restricted`, and one step further: a fixed user and nothing that can be written. */ -}}
{{- define "rollcall.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "rollcall.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* Where pods may run, from `operator` or `records`. */ -}}
{{- define "rollcall.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* Combinations of values that cannot work; the schema refuses what is wrong by itself. */ -}}
{{- define "rollcall.check" -}}
{{- with .Values.records }}
{{- if .enabled }}
{{- if and .tls.existingSecret .tls.certManager.enabled }}
{{- fail "records.tls: existingSecret and certManager exclude each other: choose one" }}
{{- end }}
{{- if and .tls.certManager.enabled (not .tls.certManager.issuerRef.name) }}
{{- fail "records.tls.certManager.issuerRef.name: cert-manager needs an issuer: name one" }}
{{- end }}
{{- if and .tls.caBundle .tls.caConfigMap }}
{{- fail "records.tls: caBundle and caConfigMap exclude each other: choose one" }}
{{- end }}
{{- $foreign := or .tls.existingSecret .tls.certManager.enabled }}
{{- if and $foreign (not .tls.caBundle) (not .tls.caConfigMap) }}
{{- fail "records.tls: clients must know the CA of your own certificate: set caBundle or caConfigMap" }}
{{- end }}
{{- if and (not $foreign) (or .tls.caBundle .tls.caConfigMap) }}
{{- fail "records.tls: caBundle and caConfigMap belong to your own certificate: set existingSecret or certManager too" }}
{{- end }}
{{- if lt (int .retention.summaryDays) (int .retention.recordDays) }}
{{- fail "records.retention: summaryDays must not be less than recordDays" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
