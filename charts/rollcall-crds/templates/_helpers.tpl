{{- /* Labels of every object; the chart's own win. */ -}}
{{- define "rollcall-crds.labels" -}}
{{- $own := dict "app.kubernetes.io/name" "rollcall" "app.kubernetes.io/instance" .Release.Name }}
{{- $_ := set $own "app.kubernetes.io/component" "crds" }}
{{- $_ := set $own "app.kubernetes.io/part-of" "rollcall" }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- merge $own .Values.commonLabels | toYaml }}
{{- end }}
