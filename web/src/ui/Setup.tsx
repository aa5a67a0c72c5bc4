import type { ComponentChildren } from "preact";
import { languageName, t } from "../i18n";
import type { Input } from "../media/input";
import type { Offer, Pair, Profile } from "../net/types";
import { CameraSetup, type CameraChoice } from "./CameraSetup";
import { Keep } from "./Keep";
import { KeepMouths } from "./KeepMouths";

export interface Form {
  kind: "camera" | "file";
  from: string;
  to: string;
  also: string[];
  profile: Profile;
  consent: boolean;
  badge: boolean;
  keep: string; // words, one a line
  keepMouths: boolean;
  file: File | null;
  devices: CameraChoice;
}

interface Props {
  form: Form;
  change(f: Partial<Form>): void;
  pairs: Pair[] | null;
  camera: Input | null;
  setCamera(d: CameraChoice): void;
  nudge: "" | "consent" | "file";
  record: Offer["record"];
  mouths: boolean; // they may be kept
  onStart(): void;
}

/** Everything to decide before a session starts. */
export function Setup({ form, change, pairs, camera, setCamera, nudge, record, mouths, onStart }: Props) {
  const from = [...new Set(pairs?.map((p) => p.from))];
  const to = pairs?.filter((p) => p.from === form.from) ?? [];
  const others = to.filter((p) => p.to !== form.to);
  const quality = to.find((p) => p.to === form.to)?.quality;
  return (
    <form class="setup card" noValidate onSubmit={(e) => (e.preventDefault(), onStart())}>
      <fieldset>
        <legend class="unseen">{t("source")}</legend>
        <div class="tabs">
          <Radio name="kind" value="camera" now={form.kind} set={(kind) => change({ kind })}>{t("camera")}</Radio>
          <Radio name="kind" value="file" now={form.kind} set={(kind) => change({ kind })}>{t("file")}</Radio>
        </div>
        {form.kind === "camera" && <CameraSetup camera={camera} choice={form.devices} open={setCamera} />}
        {form.kind === "file" && (
          <label class="field">
            <span>{t("fileLabel")}</span>
            <input type="file" accept="video/*" data-testid="file" aria-invalid={nudge === "file"} onChange={(e) => change({ file: e.currentTarget.files?.[0] ?? null })} />
            <small class={nudge === "file" ? "wrong" : ""}>{t(nudge === "file" ? "pickFile" : "fileHint")}</small>
          </label>
        )}

        <div class="pair">
          <Pick id="from" label={t("from")} value={form.from} set={(v) => change({ from: v, to: "", also: [] })} values={from} />
          <span class="arrow" aria-hidden="true">→</span>
          <Pick id="to" label={t("to")} value={form.to} set={(v) => change({ to: v, also: form.also.filter((l) => l !== v) })} values={to.map((p) => p.to)} />
        </div>
        <p class="hint" data-testid="quality">
          {!pairs ? t("loadingPairs") : pairs.length === 0 ? t("noPairs") : quality && <><span class="dot" />{quality}</>}
        </p>
        {others.length > 0 && (
          <div class="also" role="group" aria-label={t("also")}>
            <span>{t("also")}</span>
            {others.map((p) => (
              <label key={p.to} class="chip" title={p.quality}>
                <input type="checkbox" checked={form.also.includes(p.to)} onChange={(e) => change({ also: e.currentTarget.checked ? [...form.also, p.to] : form.also.filter((l) => l !== p.to) })} />
                <span>{languageName(p.to)}</span>
              </label>
            ))}
          </div>
        )}

        <div class="profiles" role="radiogroup" aria-label={t("profile")}>
          {(["sync", "live"] as const).map((p) => (
            <label key={p} class="option">
              <input type="radio" name="profile" value={p} checked={form.profile === p} data-testid={`profile-${p}`} onChange={() => change({ profile: p })} />
              <span><b>{t(p)}</b><small>{t(`${p}Hint`)}</small></span>
            </label>
          ))}
        </div>

        <Keep text={form.keep} change={(keep) => change({ keep })} />

        <label class={nudge === "consent" ? "check wrong" : "check"}>
          <input type="checkbox" id="consent" required data-testid="consent" checked={form.consent} aria-describedby="consent-needed" onChange={(e) => change({ consent: e.currentTarget.checked })} />
          <span>{t("consent")}{record && <> <b data-testid="consent-record">{t(record === "all" ? "consentRecordAll" : "consentRecord")}</b></>}</span>
        </label>
        {form.kind === "camera" && <KeepMouths offered={mouths} on={form.keepMouths} set={(keepMouths) => change({ keepMouths })} />}
        <p id="consent-needed" class="wrong" role="alert">{nudge === "consent" && t("consentNeeded")}</p>
      </fieldset>

      <button type="submit" class="primary wide" data-testid="start" disabled={!form.to}>{t(form.kind === "file" ? "startFile" : "start")}</button>
      {form.kind === "camera" && <p class="hint">{t("headphones")}</p>}
      <label class="check small">
        <input type="checkbox" checked={form.badge} data-testid="badge-toggle" onChange={(e) => change({ badge: e.currentTarget.checked })} />
        <span>{t("showBadge")}</span>
      </label>
    </form>
  );
}

function Radio<T extends string>({ name, value, now, set, children }: { name: string; value: T; now: string; set(v: T): void; children: ComponentChildren }) {
  return (
    <label>
      <input type="radio" name={name} value={value} checked={now === value} data-testid={`${name}-${value}`} onChange={() => set(value)} />
      <span>{children}</span>
    </label>
  );
}

function Pick({ id, label, value, set, values }: { id: string; label: string; value: string; set(v: string): void; values: string[] }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select data-testid={id} value={value} disabled={values.length === 0} onChange={(e) => set(e.currentTarget.value)}>
        {values.map((v) => <option key={v} value={v}>{languageName(v)}</option>)}
      </select>
    </label>
  );
}
