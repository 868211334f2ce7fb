//! The texts of the pages, each in Spanish and in English. A missing text does not compile.

macro_rules! messages {
    ($($name:ident: $spanish:literal, $english:literal;)+) => {
        /// All texts in one language.
        pub(super) struct Messages {
            $(pub(super) $name: &'static str,)+
        }

        pub(super) const SPANISH: Messages = Messages { $($name: $spanish,)+ };
        pub(super) const ENGLISH: Messages = Messages { $($name: $english,)+ };
    };
}

messages! {
    contest: "ANB Rising Stars Showcase", "ANB Rising Stars Showcase";
    tagline: "El concurso donde el público decide", "The contest where the public decides";
    skip_to_content: "Saltar al contenido", "Skip to content";
    main_navigation: "Navegación principal", "Main navigation";
    footer:
        "Cada voto cuenta una vez, y cualquiera puede comprobarlo.",
        "Every vote counts once, and anyone can check it.";
    live: "En vivo", "Live";
    live_lost: "Reconectando…", "Reconnecting…";
    ranking: "Ranking", "Ranking";
    videos: "Videos", "Videos";
    upload: "Subir video", "Upload a video";
    my_videos: "Mis videos", "My videos";
    account: "Mi cuenta", "My account";
    sign_in: "Entrar", "Sign in";
    sign_up: "Registrarse", "Sign up";
    sign_out: "Salir", "Sign out";
    whole_contest: "Todo el concurso", "Whole contest";
    boards: "Tablas", "Boards";
    city: "Ciudad", "City";
    country: "País", "Country";
    show: "Mostrar", "Show";
    search: "Buscar artista", "Find an artist";
    search_hint:
        "Escribe cómo empieza su nombre o su apellido",
        "Type how their first or last name begins";
    search_results: "Resultados de la búsqueda", "Search results";
    nobody_found:
        "No encontramos a nadie con ese nombre en esta tabla.",
        "There is nobody of that name on this board.";
    position: "Puesto", "Place";
    artist: "Artista", "Artist";
    origin: "Lugar", "From";
    votes: "votos", "votes";
    vote_one: "voto", "vote";
    artists: "artistas", "artists";
    board_empty:
        "Todavía no hay artistas en esta tabla. ¡Sube el primer video!",
        "Nobody is on this board yet. Upload the first video!";
    previous: "Anterior", "Previous";
    next: "Siguiente", "Next";
    page: "Página", "Page";
    of: "de", "of";
    pages: "Páginas", "Pages";
    my_position: "Mi puesto", "My place";
    around_artist: "Alrededor de", "Around";
    you: "tú", "you";
    not_ranked:
        "Aún no estás en el ranking: te verás aquí cuando se publique tu primer video.",
        "You are not on the ranking yet: you will be once your first video is published.";
    back_to_ranking: "Volver al ranking", "Back to the ranking";
    newest: "Más recientes", "Newest";
    most_voted: "Más votados", "Most votes";
    order: "Orden", "Order";
    filters: "Filtros", "Filters";
    no_videos: "Todavía no hay videos publicados aquí.", "No videos have been published here yet.";
    by: "de", "by";
    vote: "Votar por este video", "Vote for this video";
    voted: "Ya votaste por este video", "You have voted for this video";
    voted_hint: "Tu voto está contado. Gracias.", "Your vote is counted. Thank you.";
    sign_in_to_vote: "Entra para votar", "Sign in to vote";
    vote_pending: "Tu voto está registrado", "Your vote is recorded";
    vote_pending_hint:
        "Lo estamos contando; tarda unos segundos.",
        "It is being counted; this takes a few seconds.";
    refresh: "Actualizar", "Refresh";
    not_votable: "Este video no está disponible para votación", "This video cannot be voted for";
    share: "Compartir", "Share";
    share_link: "Enlace para compartir", "Link to share";
    copy: "Copiar enlace", "Copy link";
    copied: "Enlace copiado", "Link copied";
    no_video_support:
        "Tu navegador no reproduce este video. Descárgalo aquí:",
        "Your browser cannot play this video. Download it here:";
    uploaded_on: "Subido el", "Uploaded on";
    first_name: "Nombre", "First name";
    last_name: "Apellido", "Last name";
    email: "Correo electrónico", "Email";
    password: "Contraseña", "Password";
    password_again: "Repite la contraseña", "Repeat the password";
    password_hint: "Entre 8 y 128 caracteres", "8 to 128 characters";
    create_account: "Crear mi cuenta", "Create my account";
    have_account: "¿Ya tienes cuenta?", "Have an account?";
    no_account: "¿Aún no tienes cuenta?", "No account yet?";
    problem: "Hay un problema", "There is a problem";
    wrong_credentials: "Email o contraseña incorrectos", "Email or password are wrong";
    email_taken: "El email ya está registrado", "This email is registered already";
    passwords_differ: "Las contraseñas no coinciden", "The passwords are not the same";
    registered_pending:
        "Recibimos tu registro. Podrás entrar en unos segundos.",
        "We have your registration. You can sign in within a few seconds.";
    my_videos_empty: "Aún no has subido ningún video.", "You have not uploaded any video yet.";
    status_pending: "En espera", "Waiting";
    status_processing: "Procesando", "Processing";
    status_processed: "Publicado", "Published";
    status_failed: "No se pudo procesar", "Could not be processed";
    percent_done: "por ciento procesado", "percent processed";
    delete: "Eliminar", "Delete";
    delete_question: "¿Eliminar este video?", "Delete this video?";
    delete_explained:
        "Se borrarán el video y su archivo original. No se puede deshacer.",
        "The video and its original file are removed. This cannot be undone.";
    delete_yes: "Sí, eliminar el video", "Yes, delete the video";
    cancel: "Cancelar", "Cancel";
    deleted: "El video ha sido eliminado.", "The video has been deleted.";
    cannot_delete:
        "Un video con votos no se puede eliminar.",
        "A video that has votes cannot be deleted.";
    upload_hint:
        "MP4, MOV, WebM, MKV o AVI. Se publican los primeros 30 segundos.",
        "MP4, MOV, WebM, MKV or AVI. The first 30 seconds are published.";
    upload_limit: "Tamaño máximo", "Largest file";
    title: "Título", "Title";
    description: "Descripción", "Description";
    optional: "opcional", "optional";
    file: "Archivo de video", "Video file";
    upload_now: "Subir video", "Upload the video";
    sending: "Subiendo", "Uploading";
    file_too_large: "El archivo supera el tamaño máximo", "The file is too large";
    not_a_video: "El archivo debe ser un video", "The file must be a video";
    upload_interrupted: "La subida se interrumpió", "The upload was interrupted";
    upload_offline:
        "Se perdió la conexión. La subida seguirá sola cuando vuelva.",
        "The connection is lost. The upload goes on by itself once it is back.";
    upload_resumes:
        "Ya tenemos una parte de este archivo. Seguirá desde ahí.",
        "Part of this file has arrived already. The upload goes on from there.";
    too_many_uploads:
        "Tienes demasiadas subidas sin terminar. Se borran al cabo de un día.",
        "You have too many unfinished uploads. They are removed after a day.";
    title_rule:
        "El título debe tener de 1 a 200 caracteres, y la descripción 2.000 como máximo",
        "The title must have 1 to 200 characters, and the description 2,000 at most";
    upload_received:
        "Recibimos tu video. Aquí verás cómo avanza.",
        "We have your video. You can follow its progress here.";
    delete_account: "Eliminar mi cuenta", "Delete my account";
    delete_account_explained:
        "Se borran tus datos personales y tus archivos originales. Tus votos siguen contando y \
            tus videos publicados quedan, sin tu nombre. No se puede deshacer.",
        "Your personal data and your original files are removed. Your votes keep counting, and \
            your published videos stay, without your name. This cannot be undone.";
    delete_account_yes: "Eliminar mi cuenta para siempre", "Delete my account for good";
    wrong_password: "La contraseña es incorrecta", "The password is wrong";
    account_deleted: "Tu cuenta ha sido eliminada.", "Your account has been deleted.";
    page_not_found: "No encontramos esta página", "There is no such page";
    page_not_found_hint:
        "Puede que el enlace esté incompleto o que el video ya no exista.",
        "The link may be incomplete, or the video may be gone.";
    forbidden: "No tienes permiso para hacer esto", "You may not do this";
    unavailable: "Volvemos en un momento", "We will be back in a moment";
    unavailable_hint:
        "El servicio no responde ahora mismo. Tus datos están a salvo: inténtalo de nuevo.",
        "The service does not answer right now. Your data are safe: please try again.";
    internal_error: "Algo salió mal", "Something went wrong";
    already_voted: "Ya has votado por este video", "You have voted for this video already";
    field_missing: "Completa este campo", "Fill in this field";
    field_too_short: "Mínimo de caracteres:", "At least so many characters:";
    field_too_long: "Máximo de caracteres:", "At most so many characters:";
    field_email:
        "Escribe una dirección como nombre@ejemplo.com",
        "Write an address like name@example.com";
    field_control:
        "El texto no puede contener caracteres de control",
        "The text must not contain control characters";
    chart: "Cómo llegaron a sus votos los primeros puestos", "How the leaders came to their votes";
    now: "ahora", "now";
    operations: "Operaciones", "Operations";
    as_of: "Estado a las", "As of";
    lag: "Atraso", "Lag";
    lag_hint: "hechos del registro sin proyectar", "events of the log not projected yet";
    queue: "Cola de video", "Video queue";
    queue_empty: "nada en espera", "nothing is waiting";
    in_progress: "en proceso", "in work";
    oldest_since: "el más antiguo hace", "the oldest since";
    dead_letters: "Registros ilegibles", "Dead letters";
    dead_letters_hint: "apartados, no perdidos", "set aside, not lost";
    dead_letters_how:
        "Se ven enteros, y se repiten, con",
        "See them whole, and append them again, with";
    newest_dead_letters: "Últimos registros ilegibles", "Newest dead letters";
    generation: "Generación", "Generation";
    rebuilding: "Reconstruyendo la", "Rebuilding";
    no_rebuild: "ninguna reconstrucción en curso", "no rebuild under way";
    components: "Componentes", "Parts";
    components_hint: "Vistos desde este proceso", "As this process sees them";
    partitions: "Proyección por partición", "Projection by partition";
    partition: "Partición", "Partition";
    events: "Hechos", "Events";
    projected: "Proyectados", "Projected";
    log_unavailable: "El registro de hechos no responde", "The event log does not answer";
    rejections: "Rechazos", "Rejections";
    rejections_hint:
        "Últimas 24 horas, toda la instalación",
        "Last 24 hours, the whole installation";
    reason: "Motivo", "Reason";
    command_outcomes: "Resultados de comandos", "Outcomes of commands";
    command_outcomes_hint: "De este proceso, desde que arrancó", "Of this process, since it started";
    outcome: "Comando: resultado", "Command: outcome";
    number_of_times: "Veces", "Count";
    nothing: "Nada todavía.", "Nothing yet.";
    operators_only: "Esta página es solo para operadores", "This page is for operators only";
    api: "API", "API";
}
